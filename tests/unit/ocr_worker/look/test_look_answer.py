"""Answers of a look: values of the catalogue count with their probability, and everything else is dropped."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.vllm.chat import ChatToken, Rival
from ocr_worker.look.answer import WHOLE, values_in
from ocr_worker.look.catalogue import NOT_VISIBLE, Aspect, Catalogue, Value
from ocr_worker.look.choices import probability

COLOURS = Aspect("colour", "garment", {name: Value(f"colour/{name}", name) for name in ("red", "rose-red", "blue")})
SCENES = Aspect("scene", "picture", {name: Value(f"scene/{name}", name) for name in ("beach", "street")})
CATALOGUE = Catalogue((COLOURS, SCENES))
BOX = [100, 100, 500, 900]


def answer(colour: object = "red", scene: object = "beach", box: object = BOX, **more: object) -> str:
    return json.dumps({"garments": [{"box": box, "colour": colour} | more], "scene": scene})


def token(text: str, logprob: float, rivals: tuple[tuple[str, float], ...] = ()) -> ChatToken:
    others = tuple(Rival(token=other, logprob=its) for other, its in rivals)
    return ChatToken(token=text, logprob=logprob, top_logprobs=others)


def letters(content: str, logprob: float = -0.1) -> list[ChatToken]:
    """One token a letter; the rivals are the token itself and one that no value goes on with."""
    return [token(one, logprob, ((one, logprob), ("#", -0.5))) for one in content]


def taken(content: str, finish_reason: str = "stop"):
    return values_in(content, letters(content), finish_reason, CATALOGUE)


def test_a_sound_answer_gives_its_values_with_box_and_probability():
    found = taken(answer())
    assert [(one.tag, one.box) for one in found] == [("colour/red", (100, 100, 500, 900)), ("scene/beach", WHOLE)]
    assert [one.score for one in found] == [1.0, 1.0]


def test_a_value_that_is_not_visible_gives_no_tag():
    assert taken(answer(NOT_VISIBLE, NOT_VISIBLE)) == []
    assert taken('{"garments": [], "scene": "not_visible"}') == []


@pytest.mark.parametrize(
    "content",
    [
        answer("crimson"),
        answer("Red"),
        answer(7),
        answer(["red"]),
        answer(None),
        answer(box=[1, 2, 3]),
        answer(box=[1, 2, 3, 1001]),
        answer(box=[1, 2, 3, True]),
        answer(box="everywhere"),
        answer(wearer="a tall person"),
        answer(age="30"),
        '{"garments": [], "scene": "beach", "mood": "sunny"}',
        '{"garments": []}',
        '{"garments": {}, "scene": "beach"}',
        '{"garments": [7], "scene": "beach"}',
        '{"garments": [], "scene": "beach", "scene": "street"}',
        json.dumps({"garments": [{"box": BOX, "colour": "red"}] * 2, "scene": "beach"}),
        json.dumps({"garments": [{"box": [n, 0, 9, 9], "colour": "red"} for n in range(5)], "scene": "beach"}),
        answer()[:-9],
        "```json\n" + answer() + "\n```",
        "I'm sorry, but I can't help with that.",
        "",
        "null",
        "[" * 5000,
        answer() + " " * 9000,
    ],
)
def test_an_answer_outside_the_catalogue_is_dropped_whole(content):
    assert taken(content) is None


@pytest.mark.parametrize("finish_reason", ["length", "content_filter", "repetition", None])
def test_an_answer_that_did_not_end_by_itself_is_dropped(finish_reason):
    assert taken(answer(), finish_reason) is None


def test_a_box_that_holds_nothing_is_the_whole_picture():
    assert taken(answer(box=[500, 500, 500, 900]))[0].box == WHOLE


@given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_raises(content):
    values_in(content, letters(content), "stop", CATALOGUE)


@given(st.text(alphabet='{}[]":, 019abdeghnrsv-_colursegments', max_size=80), st.floats())
def test_no_token_raises(content, logprob):
    tokens = [token(one, logprob, (("", logprob), (one, math.nan))) for one in content]
    found = values_in(content, tokens, "stop", CATALOGUE)
    assert found is None or all(0 <= one.score <= 1 for one in found)


def test_tokens_that_do_not_form_the_answer_give_no_scores():
    assert values_in(answer(), letters("other"), "stop", CATALOGUE) is None


def test_a_value_competes_only_with_values_that_could_be_in_its_place():
    red, blue, space = math.log(0.3), math.log(0.1), math.log(0.6)
    tokens = [
        token('{"colour": "', -0.1, (('{"colour": "', -0.1),)),
        token("red", red, ((" ", space), ("red", red), ("blue", blue))),
        token('"}', -0.1, (('"}', -0.1), ('",', -3.0))),
    ]
    # 0.3 against 0.1: the blank could begin no value. What follows the closing quote says nothing of the value.
    assert probability("red", COLOURS.choices, tokens, 12) == pytest.approx(0.75)


def test_a_token_that_reaches_over_the_values_edges_is_compared_with_its_like():
    tokens = [
        token('{"colour":', -0.1, (('{"colour":', -0.1),)),
        token(' "ro', math.log(0.6), ((' "ro', math.log(0.6)), (' "re', math.log(0.4)), ("re", -0.1))),
        token("se-red", 0.0, (("se-red", 0.0),)),
        token('"}', 0.0, (('"}', 0.0),)),
    ]
    assert probability("rose-red", COLOURS.choices, tokens, 12) == pytest.approx(0.6)


def test_the_same_value_written_in_other_pieces_is_no_rival():
    tokens = [
        token('{"colour": "', -0.1, (('{"colour": "', -0.1),)),
        token("rose", math.log(0.5), (("rose", math.log(0.5)), ("ro", math.log(0.2)), ("blue", math.log(0.1)))),
        token("-red", math.log(0.6), (("-red", math.log(0.6)), ("-", math.log(0.3)), ('-red"', math.log(0.1)))),
        token('"}', 0.0, (('"}', 0.0),)),
    ]
    # 0.5 against 0.1: "ro" and "-" begin the same value, and '-red"' ends it.
    assert probability("rose-red", COLOURS.choices, tokens, 12) == pytest.approx(0.5 / 0.6, abs=1e-4)


def test_a_server_that_reports_no_alternatives_gives_no_scores():
    tokens = [token('{"colour": "', -0.1), token("red", -0.1), token('"}', -0.1)]
    assert probability("red", COLOURS.choices, tokens, 12) == 0.0
