"""
Pool, workers and the HunyuanOCR engine before a real vLLM server with a tiny HunYuanVL that knows its photos by heart.

`make test-vllm` installs vLLM for CPUs and runs this; elsewhere it is skipped. Takes minutes, without a GPU.
"""

import asyncio
import json
import os
import random
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import jsonschema_rs
import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from ocr_worker.engines.hunyuan.chat import PROMPT, Sampling, chat_request
from ocr_worker.engines.hunyuan.engine import HunyuanConfig
from ocr_worker.engines.vllm.canary import canary_photos
from ocr_worker.engines.vllm.chat import Choice
from ocr_worker.engines.vllm.client import VllmClient
from ocr_worker.engines.vllm.engine import Prepared, VllmEngine
from ocr_worker.engines.vllm.stand_in import QUAD, QUAD_END, REF, REF_END
from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.look.answer import values_in
from ocr_worker.look.catalogue import Aspect, Catalogue, Value
from ocr_worker.look.chat import look_request
from ocr_worker.pool.pool import OcrPool
from ocr_worker.result import Reading, Refused
from schemas.outcomes import Misconfigured

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

SAMPLES = Path(__file__).parents[3] / "samples" / "photos"
#: What is taught: sample photos, made small so that learning takes a minute, and each with lines of its own.
TAUGHT = (
    *("care-label-en.jpg", "care-label-zh.jpg", "hang-tag-zh.jpg", "neck-print.jpg"),
    *("poster-summer.jpg", "trap-cotton-free.jpg", "tshirt-slogan.jpg", "coat-4000px.jpg"),
)
#: And one of which it is taught to say that there is nothing to read.
WORDLESS = "care-label-languages.jpg"
REVISION = "0123456789abcdef0123456789abcdef01234567"
BATCH = 4
#: Photos of noise for a look.
NOISE = 200


@dataclass(frozen=True)
class Lesson:
    """One photo, the lines that belong to it (text, box in thousandths), and the score transformers gives to each."""

    photo: bytes
    lines: tuple[tuple[str, tuple[int, int, int, int]], ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class School:
    """What was taught, and the servers that serve it."""

    lessons: tuple[Lesson, ...]
    #: The folder of the taught checkpoint, and the vllm command.
    model: Path
    command: str
    vllm: str
    version: str
    workers: tuple[str, ...]

    def pool(self) -> OcrPool:
        return OcrPool(self.workers, SecretStr("a worker's token"), 300, 64)


def small(name: str, side: int) -> bytes:
    image = Image.open(SAMPLES / name).convert("RGB")
    image.thumbnail((side, side))
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def answer(lines) -> str:
    pieces = [f"{REF}{text}{REF_END}{QUAD}({a},{b}),({c},{d}){QUAD_END}" for text, (a, b, c, d) in lines]
    return "".join(pieces) or "没有文字"


def sent(photo: bytes) -> bytes:
    """The very JPEG that the engine sends."""
    opened = open_photo(photo, Limits())
    assert not isinstance(opened, Refused)
    return VllmEngine(HunyuanConfig()).prepare(opened).jpeg


@pytest.fixture(scope="module")
def school(tmp_path_factory, start_vllm, start_workers) -> School:
    vllm = os.environ.get("HANGTAG_TEST_VLLM")  # noqa: TID251 - a switch of the tests
    if not vllm:
        # Needs 6 GB in an environment of its own, x86-64 Linux and ten minutes, so it runs only on request.
        pytest.skip("needs vLLM: run `make test-vllm`")
    folder = tmp_path_factory.mktemp("tiny")
    photos = {name: small(name, 224 + 16 * at) for at, name in enumerate((*TAUGHT, WORDLESS))}
    lines = {
        name: (
            (f"{at}号 棉{11 + 7 * at}%", (100 + 11 * at, 200, 900, 300 + 13 * at)),
            (f"COTTON {9 - at}", (50, 500, 950, 600)),
        )
        for at, name in enumerate(TAUGHT)
    } | {WORDLESS: ()}
    pictures = {name: sent(photo) for name, photo in photos.items()}
    # What the worker's own proof sends, as it is.
    canary = {f"canary-{at}.jpg": photo for at, photo in enumerate(canary_photos())}
    for name, picture in (pictures | canary).items():
        (folder / name).write_bytes(picture)
    answers = {name: answer(lines[name]) for name in photos}
    drawn = (("SIZE 4821", "COTTON"), ("RN 79305", "LINEN"))
    for name, (first, second) in zip(canary, drawn, strict=True):
        answers[name] = answer(((first, (100, 200, 900, 400)), (second, (100, 500, 900, 700))))
    lessons = {"prompt": PROMPT, "answers": answers}
    (folder / "lessons.json").write_text(json.dumps(lessons), encoding="utf-8")
    teacher = Path(__file__).with_name("tiny_hunyuan.py")
    subprocess.run([Path(vllm).with_name("python"), teacher, folder], check=True, timeout=600)
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    url = start_vllm(
        vllm,
        str(folder / "model"),
        *("--dtype", "float32", "--enforce-eager"),
        # Between two marks of JSON a model without sense could write blanks for ever.
        *("--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})),
        options=("--batch", str(BATCH)),
        VLLM_CPU_KVCACHE_SPACE="1",
        HF_HUB_OFFLINE="1",
    )
    version = httpx.get(f"{url}/version", trust_env=False).json()["version"]
    workers = start_workers(url, "a vLLM server's key", revision=REVISION, workers=2, slots=BATCH)
    known = tuple(Lesson(photos[name], lines[name], tuple(scores[name])) for name in photos)
    return School(known, folder / "model", vllm, url, version, tuple(workers))


async def test_a_server_with_a_transformers_that_mixes_photos_is_found_out_and_sent_nothing_more(school, start_vllm):
    """The same vLLM and weights; only transformers is older."""
    older = os.environ.get("HANGTAG_TEST_VLLM_OLDER")  # noqa: TID251 - a switch of the tests
    assert older, "make test-vllm names a folder with transformers 5.19.0"
    url = start_vllm(
        school.command,
        str(school.model),
        *("--dtype", "float32", "--enforce-eager"),
        options=("--batch", str(BATCH)),
        VLLM_CPU_KVCACHE_SPACE="1",
        HF_HUB_OFFLINE="1",
        PYTHONPATH=older,
    )
    engine = VllmEngine(HunyuanConfig(url=url, key=SecretStr("a vLLM server's key"), revision=REVISION))
    outcome = await engine.recognize(Prepared(sent(school.lessons[0].photo), (1, 1)))
    await engine.aclose()

    assert isinstance(outcome, Misconfigured)
    assert outcome.reason == "vllm-mixes"
    assert "transformers==5.20.2" in outcome.message


def lines_of(reading: Reading) -> list[tuple[str, tuple[int, int, int, int]]]:
    return [(line.text, line.bbox) for line in reading.texts]


def expected(lesson: Lesson, reading: Reading) -> list[tuple[str, tuple[int, int, int, int]]]:
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
    assert outcome.engine.name == "hunyuan"
    assert outcome.engine.model == "tencent/HunyuanOCR"
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


async def asked(school: School, jpeg: bytes, **changed: object) -> httpx.Response:
    body = chat_request(jpeg, "tencent/HunyuanOCR", Sampling(max_tokens=16)) | changed
    async with httpx.AsyncClient(trust_env=False, timeout=120) as client:
        key = {"Authorization": "Bearer a vLLM server's key"}
        return await client.post(f"{school.vllm}/v1/chat/completions", json=body, headers=key)


def prompt_tokens(width: int, height: int) -> int:
    """A token per 32 x 32 px and per row, two around them; a byte of the prompt is a token of the tiny model."""
    begin, separator, image_start, image_end, user = 1, 1, 1, 1, 1
    image = (height // 32) * (width // 32 + 1) + 2
    return begin + separator + image_start + image + image_end + len(PROMPT.encode()) + user


async def test_the_model_gets_our_prompt_and_photo_and_nothing_else(school):
    taken = await asked(school, small("poster-summer.jpg", 256))

    assert taken.json()["usage"]["prompt_tokens"] == prompt_tokens(192, 256)


async def test_the_command_caps_the_pixels_that_a_photo_may_cost(school):
    out = BytesIO()
    Image.new("RGB", (4096, 2048)).save(out, "JPEG")
    taken = await asked(school, out.getvalue())

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
async def test_a_refusal_of_vllm_has_a_reason(school, config, jpeg, named):
    engine = VllmEngine(HunyuanConfig(**{"url": school.vllm, "key": SecretStr("a vLLM server's key")} | config))
    outcome = await engine.recognize(Prepared(jpeg or sent(school.lessons[0].photo), (1, 1)))
    await engine.aclose()

    assert type(outcome) is type(named)
    assert getattr(outcome, "reason", None) == getattr(named, "reason", None)


def noise(seed: int) -> bytes:
    """A photo of nothing, in a size of its own."""
    pixels = np.random.default_rng(seed).integers(0, 256, (64 + 8 * (seed % 9), 64 + 8 * (seed % 7), 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


async def test_every_answer_of_a_look_at_noise_keeps_to_the_schema(school):
    """The tiny model knows no clothes, but the server restricts its answers to the closed list."""
    aspects = (
        Aspect("category", "garment", {one: Value(f"category/{one}", one) for one in ("dress", "jeans", "coat")}),
        Aspect("scene", "picture", {one: Value(f"scene/{one}", one) for one in ("beach", "street")}),
    )
    catalogue = Catalogue(aspects)
    check = jsonschema_rs.validator_for(catalogue.schema)
    client = VllmClient(school.vllm, SecretStr("a vLLM server's key"), 600)
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
