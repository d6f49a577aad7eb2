"""The command that serves HunyuanOCR."""

import itertools

import pytest

from ocr_worker.engines.hunyuan.serve import MODEL, REVISION, vllm_serve
from ocr_worker.engines.paddle_vl import serve as paddle_vl
from ocr_worker.engines.vllm.command import VllmServe


def test_the_command_pins_the_weights_and_keeps_nothing_between_photos():
    command = vllm_serve(VllmServe(MODEL, REVISION, port=8101, batch=16, memory=0.5))

    assert command[:3] == ["vllm", "serve", "tencent/HunyuanOCR"]
    values = dict(itertools.pairwise(command))
    assert values["--revision"] == values["--tokenizer-revision"] == REVISION
    assert values["--port"] == "8101"
    assert values["--max-num-seqs"] == "16"
    assert values["--gpu-memory-utilization"] == "0.5"
    assert values["--mm-processor-cache-gb"] == "0"
    assert "--no-enable-prefix-caching" in command


@pytest.mark.parametrize("revision", ["main", "v1.0", "", REVISION[:12]])
def test_a_revision_that_can_move_is_refused(revision):
    with pytest.raises(ValueError, match="full commit"):
        vllm_serve(VllmServe(MODEL, revision))


def test_a_folder_of_weights_has_no_revision():
    command = vllm_serve(VllmServe(model="/models/HunyuanOCR", revision=""))

    assert command[2] == "/models/HunyuanOCR"
    assert "--revision" not in command
    assert "tencent/HunyuanOCR" in command


def test_the_command_lets_no_caller_make_vllm_fetch_a_photo():
    values = dict(itertools.pairwise(vllm_serve(VllmServe(MODEL, REVISION))))

    assert values["--allowed-media-domains"].endswith(".invalid")


def test_paddle_vl_is_served_by_vllm_s_own_model_and_pinned_too():
    command = paddle_vl.vllm_serve(VllmServe(paddle_vl.MODEL, REVISION))
    values = dict(itertools.pairwise(command))

    assert command[:3] == ["vllm", "serve", "PaddlePaddle/PaddleOCR-VL-1.6"]
    assert "--trust-remote-code" not in command
    assert values["--revision"] == REVISION
    assert values["--max-num-batched-tokens"] == "16384"
    assert "--no-enable-prefix-caching" in command
    with pytest.raises(ValueError, match="full commit"):
        paddle_vl.vllm_serve(VllmServe(paddle_vl.MODEL))
