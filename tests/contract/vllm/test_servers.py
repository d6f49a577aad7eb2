"""
Pool, workers and engines before real vLLM servers with tiny models that know their photos by heart; and looks.

`make test-vllm` installs vLLM for CPUs and runs this; elsewhere it is skipped. Takes minutes, without a GPU.
"""

import asyncio
import json
import os
import random
from io import BytesIO

import httpx
import jsonschema_rs
import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr
from school import BATCH, HUNYUAN, KEY, PADDLE, REVISION, SAMPLES, Lesson, Line, School, open_school, sent, small, start
from whole_chain import whole_chain

from ocr_worker.engines.hunyuan.chat import PROMPT, Sampling, chat_request
from ocr_worker.engines.hunyuan.engine import HunyuanConfig
from ocr_worker.engines.vllm.chat import Choice
from ocr_worker.engines.vllm.client import VllmClient
from ocr_worker.engines.vllm.engine import Prepared, VllmEngine
from ocr_worker.look.answer import values_in
from ocr_worker.look.catalogue import Aspect, Catalogue, Value
from ocr_worker.look.chat import look_request
from ocr_worker.result import Reading, Refused
from schemas.outcomes import Misconfigured

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

#: Photos of noise for looks.
NOISE = 200
#: Between two marks of JSON a model without sense could write blanks for ever.
NO_BLANKS = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})


@pytest.fixture(scope="module")
def hunyuan(tmp_path_factory, start_vllm, start_workers) -> School:
    folder = tmp_path_factory.mktemp("tiny")
    return open_school(HUNYUAN, folder, start_vllm, start_workers, "--structured-outputs-config", NO_BLANKS)


@pytest.fixture(scope="module")
def paddle(tmp_path_factory, start_vllm, start_workers) -> School:
    return open_school(PADDLE, tmp_path_factory.mktemp("tiny"), start_vllm, start_workers)


@pytest.fixture(params=["hunyuan", "paddle"])
def school(request) -> School:
    """Each model in turn."""
    return request.getfixturevalue(request.param)


def lines_of(reading: Reading) -> list[Line]:
    return [(line.text, line.bbox) for line in reading.texts]


def expected(lesson: Lesson, reading: Reading) -> list[Line]:
    """The taught lines with boxes in px: outward to whole px."""
    width, height = reading.image.width, reading.image.height
    return [
        (text, (a * width // 1000, b * height // 1000, -(-c * width // 1000), -(-d * height // 1000)))
        for text, (a, b, c, d) in lesson.lines
    ]


async def test_a_photo_comes_back_with_its_lines_boxes_and_the_scores_that_transformers_computes(school):
    async with school.pool() as pool:
        for lesson in school.lessons:
            outcome = await pool.read(lesson.photo)

            assert isinstance(outcome, Reading)
            assert lines_of(outcome) == expected(lesson, outcome)
            # Ours are rounded to four places.
            assert [line.score for line in outcome.texts] == pytest.approx(lesson.scores, abs=1e-4)
            assert outcome.quality.verdict == ("ok" if lesson.lines else "no_text")


async def test_every_result_names_model_revision_and_vllm_version(school):
    async with school.pool() as pool:
        outcome = await pool.read(school.lessons[0].photo)

    assert isinstance(outcome, Reading)
    assert outcome.engine.name == school.kind.engine
    assert outcome.engine.model == school.kind.config.model
    assert outcome.engine.revision == f"{REVISION} vllm-{school.version}"


async def test_photos_read_at_the_same_time_never_exchange_lines(school):
    photos = [lesson for lesson in school.lessons for _ in range(6)]
    random.Random(4).shuffle(photos)
    # What is large and unknown is read in the same batches.
    strangers = [(SAMPLES / name).read_bytes() for name in ("coat-4000px.jpg", "care-label-zh.jpg", "skirt-tag.webp")]
    async with school.pool() as pool:
        outcomes, _ = await asyncio.gather(
            asyncio.gather(*(pool.read(lesson.photo) for lesson in photos)),
            asyncio.gather(*(pool.read(photo) for photo in strangers)),
        )

    for lesson, outcome in zip(photos, outcomes, strict=True):
        assert isinstance(outcome, Reading)
        assert lines_of(outcome) == expected(lesson, outcome)


async def test_noise_from_the_model_ends_in_a_reading_and_never_in_a_failure(school):
    samples = sorted(SAMPLES.iterdir())
    async with school.pool() as pool:
        outcomes = await asyncio.gather(*(pool.read(path.read_bytes()) for path in samples))

    said = {path.name: outcome for path, outcome in zip(samples, outcomes, strict=True)}
    # A text file named .jpg, and a JPEG that ends in the middle: refused before the model.
    assert {name for name, outcome in said.items() if isinstance(outcome, Refused)} == {
        "not-a-photo.jpg",
        "cut-short.jpg",
    }
    readings = [outcome for outcome in outcomes if isinstance(outcome, Reading)]
    assert len(readings) == len(samples) - 2
    assert all(outcome.texts or outcome.quality.verdict != "ok" for outcome in readings)


async def test_the_lines_of_a_photo_become_tags_in_the_shoppers_profile(school, tmp_path):
    """Photo, workers, vLLM, rules and sync: the taught text names cotton."""
    async with school.pool() as pool, whole_chain(tmp_path, pool) as chain:
        text, tagged, profile, _ = await chain.run(school.lessons[0].photo)

    assert [line.text for line in text.texts] == [text for text, _ in school.lessons[0].lines]
    assert "material/cotton" in {tag.id for tag in tagged.tags}
    assert profile["outfit_materials"] == ["cotton"]


async def test_a_server_with_a_transformers_that_mixes_photos_is_found_out_and_sent_nothing_more(hunyuan, start_vllm):
    """The same vLLM and weights; only transformers is older."""
    older = os.environ.get("HANGTAG_TEST_VLLM_OLDER")  # noqa: TID251 - a switch of the tests
    assert older, "make test-vllm names a folder with transformers 5.19.0"
    url = start(start_vllm, HUNYUAN, hunyuan.command, hunyuan.model, PYTHONPATH=older)
    engine = VllmEngine(HunyuanConfig(url=url, key=SecretStr(KEY), revision=REVISION))
    outcome = await engine.recognize(Prepared(sent(HUNYUAN, hunyuan.lessons[0].photo), (1, 1)))
    await engine.aclose()

    assert isinstance(outcome, Misconfigured)
    assert outcome.reason == "vllm-mixes"
    assert "transformers==5.20.2" in outcome.message


async def asked(hunyuan: School, jpeg: bytes, **changed: object) -> httpx.Response:
    body = chat_request(jpeg, "tencent/HunyuanOCR", Sampling(max_tokens=16)) | changed
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        key = {"Authorization": f"Bearer {KEY}"}
        return await client.post(f"{hunyuan.vllm}/v1/chat/completions", json=body, headers=key)


def prompt_tokens(width: int, height: int) -> int:
    """A token per 32 x 32 px and per row, two around them; a byte of the prompt is a token of the tiny model."""
    begin, separator, image_start, image_end, user = 1, 1, 1, 1, 1
    image = (height // 32) * (width // 32 + 1) + 2
    return begin + separator + image_start + image + image_end + len(PROMPT.encode()) + user


async def test_the_model_gets_our_prompt_and_photo_and_nothing_else(hunyuan):
    taken = await asked(hunyuan, small("poster-summer.jpg", 256))

    assert taken.json()["usage"]["prompt_tokens"] == prompt_tokens(192, 256)


async def test_the_command_caps_the_pixels_that_a_photo_may_cost(hunyuan):
    out = BytesIO()
    Image.new("RGB", (4096, 2048)).save(out, "JPEG")
    taken = await asked(hunyuan, out.getvalue())

    # 2:1 within 2 MP, in steps of 32 px.
    assert taken.json()["usage"]["prompt_tokens"] == prompt_tokens(2048, 1024)


@pytest.mark.parametrize(
    ("config", "jpeg", "named"),
    [
        ({"key": SecretStr("another key")}, None, Misconfigured("vllm-unauthorized", "")),
        ({"model": "another/model"}, None, Misconfigured("vllm-no-model", "")),
        ({}, b"\xff\xd8\xff no picture", Refused("unreadable", "")),
    ],
)
async def test_a_refusal_of_vllm_has_a_reason(hunyuan, config, jpeg, named):
    engine = VllmEngine(HunyuanConfig(**{"url": hunyuan.vllm, "key": SecretStr(KEY)} | config))
    outcome = await engine.recognize(Prepared(jpeg or sent(HUNYUAN, hunyuan.lessons[0].photo), (1, 1)))
    await engine.aclose()

    assert type(outcome) is type(named)
    assert getattr(outcome, "reason", None) == getattr(named, "reason", None)


def noise(seed: int) -> bytes:
    """A photo of nothing, in a size of its own."""
    pixels = np.random.default_rng(seed).integers(0, 256, (64 + 8 * (seed % 9), 64 + 8 * (seed % 7), 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


async def test_every_answer_of_a_look_at_noise_keeps_to_the_schema(hunyuan):
    """The tiny model knows no clothes, but the server restricts its answers to the closed list."""
    aspects = (
        Aspect("category", "garment", {one: Value(f"category/{one}", one) for one in ("dress", "jeans", "coat")}),
        Aspect("scene", "picture", {one: Value(f"scene/{one}", one) for one in ("beach", "street")}),
    )
    catalogue = Catalogue(aspects)
    check = jsonschema_rs.validator_for(catalogue.schema)
    client = VllmClient(hunyuan.vllm, SecretStr(KEY), 600)
    places = asyncio.Semaphore(BATCH)

    async def look(seed: int) -> Choice:
        async with places:
            choice = await client.complete(look_request(noise(seed), "tencent/HunyuanOCR", catalogue))
        assert isinstance(choice, Choice)
        return choice

    choices = await asyncio.gather(*map(look, range(NOISE)))
    await client.aclose()
    for choice in choices:
        assert check.is_valid(json.loads(choice.message.content or ""))
        values = values_in(choice.message.content or "", choice.logprobs.content, choice.finish_reason, catalogue)
        # None alone for an answer that lists the same garment twice, which the schema cannot forbid.
        garments = json.loads(choice.message.content or "")["garments"]
        assert (values is None) == any(one in garments[:at] for at, one in enumerate(garments))
        assert all(0 <= value.score <= 1 for value in values or ())
