"""
Pool, worker and engine before vLLM with the real weights, on a GPU.

HANGTAG_TEST_ENGINE is `hunyuan` (the default) or `paddle-vl`. HANGTAG_TEST_VLLM_URL (and HANGTAG_TEST_VLLM_KEY) name a
server that runs; or HANGTAG_TEST_WEIGHTS a folder of weights, for which HANGTAG_TEST_VLLM (default: `vllm`) is started
as `hangtag ocr vllm` says. Skipped without either.
"""

import asyncio
import os
import random
import tomllib
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from pydantic import SecretStr

from ocr_worker.engines.hunyuan.serve import REVISION
from ocr_worker.pool.pool import OcrPool
from ocr_worker.result import Reading

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

SAMPLES = Path(__file__).parents[3] / "samples"
EXPECTED = tomllib.loads((SAMPLES / "expected.toml").read_text(encoding="utf-8"))["photo"]
LEGIBLE = {photo["file"]: (SAMPLES / "photos" / photo["file"]).read_bytes() for photo in EXPECTED if photo.get("must")}


@pytest.fixture(scope="module")
def workers(start_vllm, start_workers) -> list[str]:
    names = ("ENGINE", "VLLM_URL", "VLLM_KEY", "WEIGHTS", "VLLM")
    given = {name: os.environ.get(f"HANGTAG_TEST_{name}") for name in names}  # noqa: TID251 - switches of the tests
    url, key, engine = given["VLLM_URL"], given["VLLM_KEY"], given["ENGINE"] or "hunyuan"
    if not url and given["WEIGHTS"]:
        url, key = start_vllm(given["VLLM"] or "vllm", given["WEIGHTS"], engine=engine), "a vLLM server's key"
    if not url:
        # Neither a GPU nor weights can be fetched by a test: a person accepts their licence.
        pytest.skip("needs an OCR model on a GPU: set HANGTAG_TEST_VLLM_URL or HANGTAG_TEST_WEIGHTS (docs/ocr.md)")
    return start_workers(url, key, revision=REVISION, workers=2, slots=32, engine=engine)


@pytest.fixture
async def pool(workers):
    async with OcrPool(workers, SecretStr("a worker's token"), 300, 64) as opened:
        yield opened


def text(outcome) -> str:
    assert isinstance(outcome, Reading)
    return "\n".join(line.text for line in outcome.texts)


async def test_sample_photos_give_lines_with_scores_of_their_own_and_boxes_inside_the_photo(pool):
    outcomes = await asyncio.gather(*(pool.read(photo) for photo in LEGIBLE.values()))

    for outcome in outcomes:
        assert isinstance(outcome, Reading)
        assert outcome.texts
        for line in outcome.texts:
            left, top, right, bottom = line.bbox
            assert 0 <= left < right <= outcome.image.width
            assert 0 <= top < bottom <= outcome.image.height
            assert 0 < line.score <= 1
    # One score for all lines of an answer would mean that the lines' own tokens were not found.
    several = [outcome.texts for outcome in outcomes if isinstance(outcome, Reading) and len(outcome.texts) > 2]
    assert any(len({line.score for line in lines}) > 1 for lines in several)


async def test_photos_read_at_the_same_time_never_exchange_lines(pool):
    alone = {name: text(await pool.read(photo)) for name, photo in LEGIBLE.items()}
    names = [name for name in LEGIBLE for _ in range(8)]
    random.Random(4).shuffle(names)
    outcomes = await asyncio.gather(*(pool.read(LEGIBLE[name]) for name in names))

    for name, outcome in zip(names, outcomes, strict=True):
        # In a batch of another size a GPU adds up in another order: a letter may differ, a photo may not.
        likeness = {other: SequenceMatcher(None, said, text(outcome)).ratio() for other, said in alone.items()}
        assert max(likeness, key=likeness.__getitem__) == name
        assert likeness[name] > 0.9
