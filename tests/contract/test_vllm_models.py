"""
Our requests, our command and the stand-in's answers against vLLM's own models of them.

Runs where vllm is installed (an environment of its own), and is skipped elsewhere.
"""

import dataclasses
import importlib
from typing import Any

import pytest

from ocr_worker.engines.hunyuan.chat import ChatAnswer, Sampling, chat_request
from ocr_worker.engines.hunyuan.serve import VllmServe, check_vllm, vllm_serve

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


def test_this_vllm_may_run_the_model():
    registry = theirs("ModelRegistry", "vllm.model_executor.models.registry")

    assert check_vllm(vllm.__version__) is None
    assert "HunYuanVLForConditionalGeneration" in registry.get_supported_archs()


def test_vllm_knows_every_field_of_our_request_and_takes_our_sampling():
    body = chat_request(b"\xff\xd8\xff", "tencent/HunyuanOCR", Sampling(), temperature=0.2, seed=1)
    model = protocol("ChatCompletionRequest")
    request = model.model_validate(body)
    sampling = request.to_sampling_params(2048, {})

    # Unknown fields are taken without a word: a field that was renamed must be noticed here.
    assert set(body) <= set(model.model_fields)
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (0.2, 1.0, -1, 1)
    assert sampling.repetition_penalty == 1.08
    assert sampling.max_tokens == 2048
    assert sampling.skip_special_tokens is False
    assert sampling.logprobs == 0
    found = sampling.repetition_detection
    as_dict = dataclasses.asdict(found) if dataclasses.is_dataclass(found) else dict(vars(found))
    assert {"min_pattern_size": 2, "max_pattern_size": 128, "min_count": 8}.items() <= as_dict.items()


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

    _, _, *arguments = vllm_serve(VllmServe(batch=16, memory=0.5))
    parsed = make_arg_parser(parser()).parse_args(arguments)

    assert parsed.revision == parsed.tokenizer_revision == "9e01f897bf8956f77a80c350dc0491d6bbbd43e6"
    assert parsed.max_num_seqs == 16
    assert parsed.enable_prefix_caching is False
    assert parsed.gpu_memory_utilization == 0.5
    assert parsed.mm_processor_kwargs == {"max_pixels": 2_097_152}
