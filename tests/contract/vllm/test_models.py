"""
Our requests, our command and the stand-in's answers against vLLM's own models of them.

Runs where vllm is installed (an environment of its own), and is skipped elsewhere.
"""

import dataclasses
import importlib
from importlib.metadata import version
from typing import Any

import pytest

from ocr_worker.engines.hunyuan import chat as hunyuan_chat
from ocr_worker.engines.hunyuan import serve as hunyuan_serve
from ocr_worker.engines.paddle_vl import chat as paddle_chat
from ocr_worker.engines.paddle_vl import serve as paddle_serve
from ocr_worker.engines.vllm.chat import ChatAnswer
from ocr_worker.engines.vllm.command import VllmServe
from ocr_worker.engines.vllm.releases import fault_of
from ocr_worker.look.catalogue import Aspect, Catalogue, Value
from ocr_worker.look.chat import RIVALS, look_request

# vLLM pins dependencies that ours exclude, so it is never in the environment of the other tests.
vllm = pytest.importorskip("vllm", reason="needs vLLM: run `make test-vllm`")

_OPENAI = "vllm.entrypoints.openai"


@pytest.fixture(autouse=True)
def without_a_gpu(monkeypatch):
    """Tell vllm what it runs on, or it does not even parse its arguments; it looks once, at first use."""
    monkeypatch.setenv("VLLM_TARGET_DEVICE", "cpu")


def theirs(name: str, *modules: str) -> Any:
    """Find one of their names: modules moved between releases."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    pytest.fail(f"vllm has no {name} where it was")


def protocol(name: str) -> Any:
    return theirs(name, f"{_OPENAI}.chat_completion.protocol", f"{_OPENAI}.protocol")


def test_this_vllm_with_this_transformers_is_not_a_known_bad_combination():
    assert fault_of(vllm.__version__, version("transformers")) is None


def test_this_vllm_has_a_model_of_its_own_for_paddle_vl():
    registry = theirs("ModelRegistry", "vllm.model_executor.models.registry")

    assert "PaddleOCRVLForConditionalGeneration" in registry.get_supported_archs()


@pytest.mark.parametrize(("chat", "most", "penalty"), [(hunyuan_chat, 2048, 1.08), (paddle_chat, 4096, 1.0)])
def test_vllm_knows_every_field_of_our_request_and_takes_our_sampling(chat, most, penalty):
    body = chat.chat_request(b"\xff\xd8\xff", "a/model", chat.Sampling(), temperature=0.2, seed=1)
    model = protocol("ChatCompletionRequest")
    request = model.model_validate(body)
    sampling = request.to_sampling_params(most, {})

    # vLLM accepts unknown fields silently, so this test must notice a renamed field.
    assert set(body) <= set(model.model_fields)
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (0.2, 1.0, -1, 1)
    assert sampling.repetition_penalty == penalty
    assert sampling.max_tokens == most
    assert sampling.skip_special_tokens is False
    assert sampling.logprobs == 0
    found = sampling.repetition_detection
    as_dict = dataclasses.asdict(found) if dataclasses.is_dataclass(found) else dict(vars(found))
    assert {"min_pattern_size": 2, "max_pattern_size": 128, "min_count": 8}.items() <= as_dict.items()


def test_vllm_takes_the_request_of_a_look_and_binds_the_answer_to_its_schema():
    colours = Aspect("colour", "garment", {"red": Value("colour/red", "Red")})
    catalogue = Catalogue((colours, Aspect("scene", "picture", {"beach": Value("scene/beach", "Beach")})))
    body = look_request(b"\xff\xd8\xff", "a/model", catalogue)
    model = protocol("ChatCompletionRequest")
    sampling = model.model_validate(body).to_sampling_params(1024, {})

    assert set(body) <= set(model.model_fields)
    assert (sampling.temperature, sampling.seed, sampling.max_tokens, sampling.logprobs) == (0.0, 0, 1024, RIVALS)
    assert sampling.structured_outputs.json == catalogue.schema


def test_vllm_s_own_model_of_an_answer_is_read_by_ours():
    answer = {
        "model": "tencent/HunyuanOCR",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "a(1,2),(3,4)"},
                "logprobs": {"content": [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    theirs = protocol("ChatCompletionResponse").model_validate(answer)
    ours = ChatAnswer.model_validate_json(theirs.model_dump_json())

    assert ours.choices[0].message.content == "a(1,2),(3,4)"
    assert ours.choices[0].logprobs.content[0].logprob == -0.1
    assert ours.choices[0].finish_reason == "stop"


def test_vllm_s_parser_takes_our_command():
    make_arg_parser = theirs("make_arg_parser", "vllm.entrypoints.launchers.cli_args", f"{_OPENAI}.cli_args")
    parser = theirs("FlexibleArgumentParser", "vllm.utils.argparse_utils", "vllm.utils")

    wanted = VllmServe(hunyuan_serve.MODEL, hunyuan_serve.REVISION, batch=16, memory=0.5)
    _, _, *arguments = hunyuan_serve.vllm_serve(wanted)
    parsed = make_arg_parser(parser()).parse_args(arguments)

    assert parsed.revision == parsed.tokenizer_revision == "9e01f897bf8956f77a80c350dc0491d6bbbd43e6"
    assert parsed.max_num_seqs == 16
    assert parsed.enable_prefix_caching is False
    assert parsed.gpu_memory_utilization == 0.5
    assert parsed.mm_processor_kwargs == {"max_pixels": 2_097_152}
    assert parsed.allowed_media_domains == ["none.invalid"]


def test_vllms_parser_accepts_our_command_for_paddle_vl():
    make_arg_parser = theirs("make_arg_parser", "vllm.entrypoints.launchers.cli_args", f"{_OPENAI}.cli_args")
    parser = theirs("FlexibleArgumentParser", "vllm.utils.argparse_utils", "vllm.utils")

    _, _, *arguments = paddle_serve.vllm_serve(VllmServe(paddle_serve.MODEL, "ab" * 20))
    parsed = make_arg_parser(parser()).parse_args(arguments)

    assert (parsed.revision, parsed.trust_remote_code) == ("ab" * 20, False)
    assert parsed.max_num_batched_tokens == 16384
