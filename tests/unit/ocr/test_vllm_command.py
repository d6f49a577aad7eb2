"""The command that serves HunyuanOCR, and the releases of vLLM it must not run on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.vllm_command import REVISION, VllmServe, check_vllm, vllm_serve
from schemas.outcomes import Misconfigured


def test_the_command_pins_the_weights_and_keeps_nothing_between_photos():
    command = vllm_serve(VllmServe(port=8101, batch=16, memory=0.5))

    assert command[:3] == ["vllm", "serve", "tencent/HunyuanOCR"]
    values = dict(itertools.pairwise(command))
    assert values["--revision"] == values["--tokenizer-revision"] == REVISION
    assert values["--port"] == "8101"
    assert values["--max-num-seqs"] == "16"
    assert values["--max-num-queued-reqs"] == "48"
    assert values["--gpu-memory-utilization"] == "0.5"
    assert values["--mm-processor-cache-gb"] == "0"
    assert "--no-enable-prefix-caching" in command


@pytest.mark.parametrize("revision", ["main", "v1.0", "", REVISION[:12]])
def test_a_revision_that_can_move_is_refused(revision):
    with pytest.raises(ValueError, match="full commit"):
        vllm_serve(VllmServe(revision=revision))


def test_a_folder_of_weights_has_no_revision():
    command = vllm_serve(VllmServe(model="/models/HunyuanOCR", revision=""))

    assert command[2] == "/models/HunyuanOCR"
    assert "--revision" not in command
    assert "tencent/HunyuanOCR" in command


@pytest.mark.parametrize("version", ["0.11.2", "0.12.0", "0.28.0", "0.29.0", "0.29.1rc1", "", "latest", "dev"])
def test_releases_that_mix_break_or_are_unknown_are_refused(version):
    assert isinstance(check_vllm(version), Misconfigured)


@pytest.mark.parametrize(
    "version", ["0.30.0", "0.30.0rc2", "v0.32.0", "0.33.0+cu130", "0.31.1.dev7+g1", "1.0.0", "0.30"]
)
def test_releases_from_0_30_on_are_taken(version):
    assert check_vllm(version) is None


@given(st.integers(0, 3), st.integers(0, 60), st.integers(0, 9))
def test_what_is_taken_depends_on_nothing_but_order(major, minor, patch):
    assert (check_vllm(f"{major}.{minor}.{patch}") is None) == ((major, minor) >= (0, 30))
