"""The command that serves HunyuanOCR, and the releases of vLLM it must not run on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.hunyuan.serve import REVISION, TESTED_VLLM, VllmServe, check_vllm, vllm_serve
from schemas.outcomes import Misconfigured


def test_the_command_pins_the_weights_and_keeps_nothing_between_photos():
    command = vllm_serve(VllmServe(port=8101, batch=16, memory=0.5))

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
        vllm_serve(VllmServe(revision=revision))


def test_a_folder_of_weights_has_no_revision():
    command = vllm_serve(VllmServe(model="/models/HunyuanOCR", revision=""))

    assert command[2] == "/models/HunyuanOCR"
    assert "--revision" not in command
    assert "tencent/HunyuanOCR" in command


@pytest.mark.parametrize("version", ["0.11.2", "0.12.0", "0.24.1", "0.29.0", "0.29.1rc1", "", "latest", "dev"])
def test_releases_that_mix_break_or_are_unknown_are_refused(version):
    assert isinstance(check_vllm(version), Misconfigured)


@pytest.mark.parametrize("version", ["0.12.0", "0.30.0", "0.32.0", "0.33.0+cu130", "0.60.0", "1.0.0"])
def test_releases_that_give_one_photo_anothers_text_are_refused_for_that(version):
    unfit = check_vllm(version)

    assert unfit is not None
    assert "another's text" in unfit.message
    assert TESTED_VLLM in unfit.message


@pytest.mark.parametrize(
    "version", ["0.25.1", "0.28.0", "v0.28.0", "0.28.0+cu130", "0.27.1.dev7+g1", "0.28", TESTED_VLLM]
)
def test_releases_with_a_model_of_their_own_that_keep_photos_apart_are_taken(version):
    assert check_vllm(version) is None


@given(st.integers(0, 3), st.integers(0, 60), st.integers(0, 9))
def test_what_is_taken_depends_on_nothing_but_order(major, minor, patch):
    assert (check_vllm(f"{major}.{minor}.{patch}") is None) == ((0, 25) <= (major, minor) < (0, 29))
