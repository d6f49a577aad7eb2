"""The CPU engine tells nobody of its use."""

import subprocess
import sys

import pytest

from streams.settings import child_environment


@pytest.mark.parametrize(("loaded", "noted"), [("onnxruntime", True), ("ocr_worker.rapid", False)])
def test_loading_the_engine_makes_no_id_for_telemetry(tmp_path, loaded, noted):
    """ONNX Runtime by itself writes one as soon as it is imported."""
    environment = child_environment() | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", f"import {loaded}"], env=environment, check=True, timeout=60)
    assert any(tmp_path.iterdir()) == noted
