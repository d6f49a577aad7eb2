"""`hangtag ocr ui` without what the page needs ends with one line that names it."""

from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.cli.ocr.ui import _engines
from streams.config.settings import Settings


# Where the extra `ui` is installed there is nothing to say.
@pytest.mark.skipif(find_spec("gradio") is not None, reason="Gradio is installed here")
def test_without_gradio_it_says_how_to_get_it():
    result = CliRunner().invoke(app, ["ocr", "ui"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "make ui" in line
    assert "hangtag[cpu,ui]" in line


def test_the_engines_to_choose_from_are_the_wanted_one_then_what_is_there():
    assert list(_engines("scripted", Settings())) == ["scripted", "rapid"]
    configured = Settings(ocr_vllm_url="http://127.0.0.1:8100")
    assert list(_engines("rapid", configured)) == ["rapid", "hunyuan"]
