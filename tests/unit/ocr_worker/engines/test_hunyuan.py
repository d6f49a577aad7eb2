"""The GPU engine against a stand-in for vLLM: its requests, the answers, and every failure."""

import asyncio
import math
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from ocr_worker.config import OcrConfig
from ocr_worker.engines.hunyuan.chat import PROMPT
from ocr_worker.engines.hunyuan.engine import HunyuanConfig
from ocr_worker.engines.vllm.canary import Canary
from ocr_worker.engines.vllm.engine import VllmEngine
from ocr_worker.engines.vllm.stand_in import CODE_GRID, StandIn, stand_in_app
from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.pool.pool import OcrPool
from ocr_worker.reader import Reader
from ocr_worker.result import Reading, Refused
from ocr_worker.server.app import create_app
from schemas.outcomes import Later, Misconfigured


def coded(code: int, size=(800, 400), kind="JPEG") -> bytes:
    """A photo of light and dark cells that spell a number of 32 bits."""
    columns, rows = CODE_GRID
    bits = [255 * int(bit) for bit in f"{code:032b}"]
    cells = Image.fromarray(np.array(bits, dtype=np.uint8).reshape(rows, columns))
    out = BytesIO()
    cells.resize(size, Image.Resampling.NEAREST).convert("RGB").save(out, kind)
    return out.getvalue()


class Proven(Canary):
    """A proof that was made before, because these tests count requests."""

    async def check(self, *_: object) -> None:
        return None


def engine(behaviour: StandIn, **config: object) -> VllmEngine:
    transport = httpx.ASGITransport(stand_in_app(behaviour))
    return VllmEngine(HunyuanConfig(url="http://vllm", **config), transport, canary=Proven())


async def read(behaviour: StandIn, photo: bytes, **config: object):
    asked = engine(behaviour, **config)
    reader = Reader(asked, OcrConfig(slots=4))
    try:
        return await reader.read(photo)
    finally:
        await reader.aclose()
        await asked.aclose()


@pytest.mark.parametrize("form", ["tagged", "quad_first", "plain", "json"])
async def test_every_form_of_answer_becomes_lines_in_px_with_their_own_scores(form):
    outcome = await read(StandIn(form=form), coded(0x12345678, (1600, 800)))

    assert isinstance(outcome, Reading)
    assert [line.text for line in outcome.texts] == ["photo 12345678", "100% COTTON", "面料 棉65%"]
    assert [line.score for line in outcome.texts] == [0.9, 0.7, 0.5]
    assert outcome.texts[1].bbox == (160, 240, 1440, 320)
    assert outcome.quality.verdict == "ok"


async def test_the_request_has_the_form_that_the_model_expects():
    behaviour = StandIn(key="right")
    await read(behaviour, coded(1), key=SecretStr("right"))

    (body,) = behaviour.seen
    system, user = body.pop("messages")
    assert system == {"role": "system", "content": ""}
    assert [part["type"] for part in user["content"]] == ["image_url", "text"]
    assert user["content"][1]["text"] == PROMPT == "检测并识别图片中的文字，将文本坐标格式化输出。"
    assert body == {
        "model": "tencent/HunyuanOCR",
        "max_tokens": 2048,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": -1,
        "seed": 0,
        "repetition_penalty": 1.08,
        "repetition_detection": {"min_pattern_size": 2, "max_pattern_size": 128, "min_count": 8},
        "skip_special_tokens": False,
        "logprobs": True,
        "top_logprobs": 0,
    }


async def test_every_result_names_model_revision_and_vllm():
    outcome = await read(StandIn(version="0.27.1"), coded(1), revision="a" * 40)

    assert isinstance(outcome, Reading)
    assert (outcome.engine.name, outcome.engine.model) == ("hunyuan", "tencent/HunyuanOCR")
    assert outcome.engine.revision == f"{'a' * 40} vllm-0.27.1"


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, Refused, None),
        (401, Misconfigured, None),
        (404, Misconfigured, None),
        (422, Later, 3),
        (429, Later, None),
        (500, Later, 3),
        (502, Later, None),
        (503, Later, None),
        (504, Later, None),
    ],
)
async def test_every_failure_of_vllm_is_one_outcome(status, kind, tries):
    outcome = await read(StandIn(failure=status), coded(1))

    assert type(outcome) is kind
    assert getattr(outcome, "tries", None) == tries


async def test_a_wrong_key_is_a_set_up_fault():
    assert isinstance(await read(StandIn(key="right"), coded(1), key=SecretStr("wrong")), Misconfigured)


async def test_a_request_to_a_slow_vllm_times_out():
    outcome = await read(StandIn(seconds=30), coded(1), timeout_s=0.2)

    assert isinstance(outcome, Later)
    assert (outcome.reason, outcome.tries) == ("vllm-timeout", 3)


async def test_a_vllm_that_is_not_there_is_tried_later(unused_port):
    asked = VllmEngine(HunyuanConfig(url=f"http://127.0.0.1:{unused_port}"))
    reader = Reader(asked, OcrConfig())
    outcome = await reader.read(coded(1))
    await reader.aclose()
    await asked.aclose()

    assert isinstance(outcome, Later)
    assert outcome.reason == "vllm-unreachable"
    assert outcome.tries is None


async def test_a_result_names_its_vllm_though_another_photo_s_connection_broke_meanwhile():
    sound, broken, photos = httpx.ASGITransport(stand_in_app(StandIn())), asyncio.Event(), []

    async def answer(request: httpx.Request):
        if request.method == "POST":
            photos.append(request)
            if len(photos) > 1:
                broken.set()
                raise httpx.ReadError("gone")
            await broken.wait()
        return await sound.handle_async_request(request)

    engine = VllmEngine(HunyuanConfig(), httpx.MockTransport(answer), canary=Proven())
    reader = Reader(engine, OcrConfig(slots=2))
    outcomes = await asyncio.gather(reader.read(coded(1)), reader.read(coded(2)))
    await reader.aclose()

    assert [one.reason for one in outcomes if isinstance(one, Later)] == ["vllm-unreachable"]
    assert [one.engine.revision[-11:] for one in outcomes if isinstance(one, Reading)] == ["vllm-0.28.0"]


async def test_a_full_vllm_says_later_and_the_others_are_read():
    behaviour = StandIn(slots=1, queue=1, seconds=0.05)
    asked = engine(behaviour)
    reader = Reader(asked, OcrConfig(slots=6))
    outcomes = await asyncio.gather(*(reader.read(coded(at)) for at in range(6)))
    await reader.aclose()
    await asked.aclose()

    assert {type(outcome) for outcome in outcomes} == {Reading, Later}
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Later)} == {"vllm-busy"}


@pytest.mark.parametrize("lie", ["not_json", "no_logprobs"])
async def test_an_invalid_answer_is_retried_a_few_times(lie):
    outcome = await read(StandIn(lie=lie), coded(1))

    assert isinstance(outcome, Later)
    assert (outcome.reason, outcome.tries) == ("vllm-bad-answer", 3)


@pytest.mark.parametrize("lie", ["loop", "babble"])
async def test_after_a_senseless_answer_the_engine_asks_again_at_a_higher_temperature(lie):
    behaviour = StandIn(lie=lie, honest_when_warm=True)
    outcome = await read(behaviour, coded(0x5A5A5A5A, (320, 160)))

    assert isinstance(outcome, Reading)
    assert outcome.quality.verdict == "ok"
    assert len(outcome.texts) == 3
    assert [body["temperature"] for body in behaviour.seen] == [0.0, 0.2]


async def test_a_lasting_loop_gives_its_lines_once_with_a_verdict():
    behaviour = StandIn(lie="loop")
    outcome = await read(behaviour, coded(0x5A5A5A5A, (320, 160)))

    assert isinstance(outcome, Reading)
    assert outcome.quality.verdict == "cut_off"
    assert len(outcome.texts) == 3
    assert [body["temperature"] for body in behaviour.seen] == [0.0, 0.2, 0.5]


async def test_a_cut_answer_keeps_its_lines_and_is_not_requested_again():
    behaviour = StandIn(lie="cut")
    outcome = await read(behaviour, coded(0x5A5A5A5A, (320, 160)))

    assert isinstance(outcome, Reading)
    assert outcome.quality.verdict == "cut_off"
    assert [line.text for line in outcome.texts] == ["photo 5a5a5a5a", "100% COTTON"]
    assert len(behaviour.seen) == 1


async def test_nothing_to_read_is_no_fault():
    outcome = await read(StandIn(lie="no_text"), coded(0x5A5A5A5A, (320, 160)))

    assert isinstance(outcome, Reading)
    assert outcome.quality.verdict == "no_text"


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 40), (20, 3000), (60, 40)])
async def test_the_request_contains_a_jpeg_without_metadata_of_limited_size(size):
    asked = engine(StandIn())
    exif = Image.Exif()
    exif[0x010E] = "planted"
    out = BytesIO()
    Image.new("RGB", size, "grey").save(out, "JPEG", exif=exif)
    photo = open_photo(out.getvalue(), Limits())
    assert not isinstance(photo, Refused)
    prepared = asked.prepare(photo)
    await asked.aclose()

    assert b"planted" not in prepared.jpeg
    with Image.open(BytesIO(prepared.jpeg)) as sent:
        assert sent.width * sent.height <= 2_097_152
        assert max(sent.size) <= 20 * min(sent.size)
        # A box over the whole picture sent reaches to where the padding ends, in px of the original.
        assert prepared.scale[0] * prepared.scale[1] == pytest.approx(
            max(size[0], size[1] / 20) * max(size[1], size[0] / 20), rel=0.1
        )


async def test_different_photos_at_once_never_exchange_lines_through_pool_workers_and_engines(serve):
    """
    Every line that comes back belongs to the very photo sent.

    Two workers, each with an engine of its own, before one vLLM whose answers overtake one another.
    """
    vllm = serve(stand_in_app(StandIn(slots=5, seconds=0.002)))
    engines = [VllmEngine(HunyuanConfig(url=vllm)) for _ in range(2)]
    workers = [serve(create_app(OcrConfig(slots=8, queue=256), one)) for one in engines]
    codes = [(at * 2_654_435_761) % 2**32 for at in range(1, 61)]
    async with OcrPool(workers, token=None, timeout_s=30, max_connections=24) as pool:
        outcomes = await asyncio.gather(
            *(pool.read(coded(code, (160 + code % 7 * 40, 120), ("PNG", "JPEG")[code % 2])) for code in codes)
        )

    for code, outcome in zip(codes, outcomes, strict=True):
        assert isinstance(outcome, Reading)
        assert outcome.texts[0].text == f"photo {code:08x}"
        assert outcome.texts[0].bbox[2] == math.ceil(0.95 * outcome.image.width)


async def test_the_key_and_the_text_are_in_no_repr():
    asked = VllmEngine(HunyuanConfig(key=SecretStr("planted-key")))
    await asked.aclose()

    assert "planted" not in repr(asked._config)
