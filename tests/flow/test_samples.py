"""What must come of each sample photo and what must not (samples/expected.toml), by the real engine and lexicon."""

import tomllib
from pathlib import Path

import pytest

from ocr_worker.reader import Reader
from ocr_worker.result import Refused
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger
from streams.cli.ocr.group import _config, _engine
from streams.config.settings import Settings

SAMPLES = Path(__file__).parents[2] / "samples"
EXPECTED = tomllib.loads((SAMPLES / "expected.toml").read_text())["photo"]


@pytest.fixture(scope="module")
def parts() -> tuple[Reader, Tagger]:
    settings = Settings(ocr_engine="rapid")
    return Reader(_engine("rapid", settings), _config(settings)), Tagger(load_lexicon())


def test_expected_toml_lists_every_sample():
    assert {one["file"] for one in EXPECTED} == {path.name for path in (SAMPLES / "photos").iterdir()}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: one["file"])
async def test_a_sample_comes_out_as_expected(parts, expected):
    reader, tagger = parts
    reading = await reader.read((SAMPLES / "photos" / expected["file"]).read_bytes())
    if isinstance(reading, Refused):
        assert ("feedback", reading.code) == (expected["outcome"], expected["code"])
        return
    assert reading.quality.verdict != "script_unsupported"
    tags = {tag.id for tag in tagger.tag(reading.texts).tags}
    assert set(expected.get("must", ())) <= tags
    assert not set(expected.get("must_not", ())) & tags
    if expected["outcome"] == "feedback":
        assert (reading.quality.verdict, tags) == (expected["code"], set())
    else:
        assert bool(tags) == (expected["outcome"] == "synced")
