"""PaddleOCR-VL against a stand-in for vLLM: the request, both forms of its answers, and invalid answers."""

import math
from io import BytesIO

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_hunyuan import Proven, coded

from ocr_worker.config import OcrConfig
from ocr_worker.engines.paddle_vl.chat import PROMPT
from ocr_worker.engines.paddle_vl.engine import PaddleVlConfig
from ocr_worker.engines.paddle_vl.spotting import judge_answer, spots
from ocr_worker.engines.vllm.canary import Canary
from ocr_worker.engines.vllm.engine import VllmEngine
from ocr_worker.engines.vllm.scores import Token
from ocr_worker.engines.vllm.stand_in import StandIn, stand_in_app
from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.reader import Reader
from ocr_worker.result import Reading, Refused
from schemas.outcomes import Misconfigured

SQUARE = "<|LOC_10|><|LOC_20|><|LOC_30|><|LOC_20|><|LOC_30|><|LOC_40|><|LOC_10|><|LOC_40|>"


def engine(behaviour: StandIn, canary: Canary | None = None) -> VllmEngine:
    transport = httpx.ASGITransport(stand_in_app(behaviour))
    return VllmEngine(PaddleVlConfig(url="http://vllm", revision="c" * 40), transport, canary=canary or Proven())


async def read(behaviour: StandIn, photo: bytes, canary: Canary | None = None):
    reads_with = engine(behaviour, canary)
    reader = Reader(reads_with, OcrConfig(slots=4))
    try:
        return await reader.read(photo)
    finally:
        await reader.aclose()
        await reads_with.aclose()


@pytest.mark.parametrize("form", ["polygon", "bare_polygon"])
async def test_both_forms_of_answer_become_lines_in_px_with_their_own_scores(form):
    outcome = await read(StandIn(form=form), coded(0x12345678, (1600, 800)))

    assert isinstance(outcome, Reading)
    assert [line.text for line in outcome.texts] == ["photo 12345678", "100% COTTON", "面料 棉65%"]
    assert [line.score for line in outcome.texts] == [0.9, 0.7, 0.5]
    assert outcome.texts[1].bbox == (160, 240, 1440, 320)
    assert (outcome.engine.name, outcome.engine.model) == ("paddle-vl", "PaddlePaddle/PaddleOCR-VL-1.6")
    assert outcome.engine.revision == f"{'c' * 40} vllm-0.28.0"


async def test_the_request_has_the_form_that_the_model_expects():
    behaviour = StandIn(form="polygon")
    await read(behaviour, coded(1))

    (body,) = behaviour.seen
    (user,) = body["messages"]
    assert [part["type"] for part in user["content"]] == ["image_url", "text"]
    assert user["content"][1]["text"] == PROMPT == "Spotting:"
    assert (body["temperature"], body["max_tokens"], body["skip_special_tokens"]) == (0.0, 4096, False)
    assert body["logprobs"] is True


async def test_a_server_that_mixes_photos_is_sent_none():
    outcome = await read(StandIn(form="polygon", mixes=True), coded(1), Canary())

    assert isinstance(outcome, Misconfigured)
    assert outcome.reason == "vllm-mixes"


@pytest.mark.parametrize(
    ("size", "sent"), [((700, 500), (1400, 1000)), ((1499, 400), (2998, 800)), ((1600, 400), (1600, 400))]
)
async def test_a_small_photo_is_enlarged_twofold_and_none_exceeds_what_the_model_takes(size, sent):
    reads_with = engine(StandIn())
    out = BytesIO()
    Image.new("RGB", size, "grey").save(out, "JPEG")
    photo = open_photo(out.getvalue(), Limits())
    assert not isinstance(photo, Refused)
    prepared = reads_with.prepare(photo)
    await reads_with.aclose()

    with Image.open(BytesIO(prepared.jpeg)) as picture:
        assert picture.width * picture.height <= 1_605_632
        assert picture.width / picture.height == pytest.approx(size[0] / size[1], rel=0.01)
        assert picture.width == min(
            sent[0], math.isqrt(1_605_632 * sent[0] // sent[1]) if sent[0] * sent[1] > 1_605_632 else sent[0]
        )
    assert prepared.scale == size


@pytest.mark.parametrize(
    ("text", "lines", "torn"),
    [
        (f"A{SQUARE}B{SQUARE}", ["A", "B"], False),
        (f"A{SQUARE}\nB{SQUARE}\n", ["A", "B"], False),
        (f"<|TEXT_START|>A<|TEXT_END|><|LOC_BEGIN|>{SQUARE}<|LOC_END|>", ["A"], False),
        (f"A{SQUARE}left over", ["A"], True),
        (f"A{SQUARE}B<|LOC_1|><|LOC_2|>", ["A"], True),
        (f"A{SQUARE}<|LOC_5|>B{SQUARE}", ["B"], True),
        (SQUARE, [], True),
        ("", [], False),
    ],
)
def test_a_line_without_four_points_marks_the_answer_torn(text, lines, torn):
    read = spots(text)
    assert [spot.text for spot in read.found] == lines
    assert read.torn == torn


@given(st.text(alphabet=st.sampled_from("ab <|>_LOCTEXSRND0129\n")), st.text(max_size=30))
def test_no_text_is_an_exception(marked: str, free: str):
    for text in (marked, free, f"{marked}{SQUARE}{free}"):
        judged = judge_answer(text, [Token(text, -0.1)], "stop")
        assert all(line.text.strip() == line.text != "" for line in judged.lines)


@given(st.lists(st.text(alphabet="abc棉%1 ", min_size=1).map(str.strip).filter(bool), max_size=6))
def test_lines_come_back_as_written(lines: list[str]):
    text = "".join(f"<|TEXT_START|>{line}<|TEXT_END|><|LOC_BEGIN|>{SQUARE}<|LOC_END|>" for line in lines)
    assert [spot.text for spot in spots(text).found] == lines


def test_an_answer_that_ran_out_of_tokens_is_cut_off():
    judged = judge_answer(f"A{SQUARE}", [], "length")
    assert [line.text for line in judged.lines] == ["A"]
    assert judged.cut_off
