"""The CPU engine sends no telemetry."""

import subprocess
import sys

from streams.config.settings import child_environment


def test_loading_the_engine_makes_no_id_for_telemetry(tmp_path):
    """ONNX Runtime by itself writes one, below the folder for temporary files or the home, when it is imported."""
    environment = child_environment() | {"TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", "import ocr_worker.engines.rapid.engine"], env=environment, check=True, timeout=120
    )
    assert not list(tmp_path.iterdir())
