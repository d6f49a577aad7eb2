"""HunyuanOCR's answers: four forms, scores of the very line, and everything that can be wrong with them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.hunyuan.parse import judge_answer
from ocr_worker.engines.vllm.lines import to_pixels
from ocr_worker.engines.vllm.scores import Token
from ocr_worker.engines.vllm.stand_in import END, QUAD, QUAD_END, REF, REF_END

EDGES = st.tuples(st.integers(0, 999), st.integers(0, 999)).flatmap(
    lambda low: st.tuples(
        st.just(low[0]), st.just(low[1]), st.integers(low[0] + 1, 1000), st.integers(low[1] + 1, 1000)
    )
)
#: Print as labels have it: scripts, signs, brackets; not the tail of a box, which the bare form cannot tell from one.
TEXTS = st.text(st.sampled_from("abCD 12%棉涤纶.()<>/&…é"), min_size=1, max_size=24).filter(
    lambda text: (
        text == text.strip() and not text.startswith((",", "(")) and text.strip("abCD12%棉涤纶.()<>/&…é ") == ""
    )
)
LINES = st.lists(
    st.tuples(TEXTS, EDGES), min_size=1, max_size=8, unique_by=(lambda line: line[0], lambda line: line[1])
)
FORMS = ("tagged", "literal", "quad_first", "plain", "json")


def pieces(form, text, box):
    """One line as the model writes it: before the text, the text, after it."""
    x1, y1, x2, y2 = box
    pair = f"({x1},{y1}),({x2},{y2})"
    match form:
        case "tagged":
            return [REF], text, [REF_END, QUAD, pair, QUAD_END]
        case "literal":
            return ["<ref>"], text, ["</ref>", "<quad>", pair, "</quad>"]
        case "quad_first":
            return [QUAD, f"<pos_{x1}><pos_{y1}>", f"<pos_{x2}><pos_{y2}>", QUAD_END, REF], text, [REF_END]
        case "plain":
            return [], text, [pair]
    return ['{"box": ', json.dumps(list(box)), ', "text": "'], json.dumps(text, ensure_ascii=False)[1:-1], ['"}, ']


def write(form, lines, logprobs=(-0.1,)):
    """The whole answer as tokens; a line's text in pieces of two characters with the line's own log probability."""
    tokens = [Token("[", -3)] if form == "json" else []
    for at, (text, box) in enumerate(lines):
        before, inside, after = pieces(form, text, box)
        tokens += [Token(piece, -3) for piece in before]
        tokens += [Token(inside[i : i + 2], logprobs[at % len(logprobs)]) for i in range(0, len(inside), 2)]
        tokens += [Token(piece, -3) for piece in after]
    if form == "json":
        tokens.append(Token("]", -3))
    return tokens


def judged(tokens, reason="stop"):
    content = "".join(token.text for token in tokens)
    return judge_answer(content, [*tokens, Token(END, -0.5)], reason)


@given(st.sampled_from(FORMS), LINES)
def test_every_form_gives_back_its_lines_boxes_and_scores(form, lines):
    logprobs = (-0.1, -0.5, -1.0)
    answer = judged(write(form, lines, logprobs))

    assert [(found.text, found.box) for found in answer.lines] == lines
    assert [found.score for found in answer.lines] == [round(math.exp(logprobs[at % 3]), 4) for at in range(len(lines))]
    assert not answer.cut_off
    assert not answer.astray


@given(st.sampled_from(FORMS), LINES, st.data())
def test_an_answer_cut_anywhere_keeps_the_lines_before_the_cut_with_a_verdict(form, lines, data):
    tokens = write(form, lines)
    answer = judged(tokens[: data.draw(st.integers(0, len(tokens) - 1))], "length")

    read = [(found.text, found.box) for found in answer.lines]
    assert read == lines[: len(read)]
    assert answer.cut_off


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from([*'(,)0123456789[]{}":<> 文', REF, REF_END, QUAD, QUAD_END])).map("".join),
    ),
    st.lists(st.tuples(st.text(max_size=3), st.floats())),
    st.sampled_from(["stop", "length", "repetition", None, "?"]),
)
def test_no_answer_raises_or_gives_an_impossible_line(content, tokens, reason):
    answer = judge_answer(content, [Token(*token) for token in tokens], reason)

    for found in answer.lines:
        x1, y1, x2, y2 = found.box
        assert 0 <= x1 < x2 <= 1000
        assert 0 <= y1 < y2 <= 1000
        assert 0 <= found.score <= 1
        assert found.text.strip()


@given(EDGES, st.floats(1, 1.5), st.integers(1, 5000), st.integers(1, 5000))
def test_a_box_in_px_is_inside_the_photo_and_not_empty(box, padding, width, height):
    x1, y1, x2, y2 = to_pixels(box, (width * padding, height), (width, height))

    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height


def test_boxes_are_thousandths_of_each_side():
    assert to_pixels((100, 200, 400, 300), (4000.0, 3000.0), (4000, 3000)) == (400, 600, 1600, 900)


@pytest.mark.parametrize(
    "said",
    [
        "没有文字",
        "图片中没有文字。",
        "无文字",
        "No text",
        "no text found.",
        "",
        f"{REF}没有文字{REF_END}{QUAD}(0,0),(1,1){QUAD_END}",
    ],
)
def test_nothing_to_read_is_no_lines_and_no_fault(said):
    answer = judge_answer(said, [Token(said, -0.1)], "stop")

    assert (answer.lines, answer.cut_off, answer.astray) == ((), False, False)


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        # Each from the documented traps of the form without markers.
        ("ATLANTA (AP) Second(1,2),(3,4)", ["ATLANTA (AP) Second"]),
        ("Hello(1,2),(3,4),(5,6),(7,8)", ["Hello"]),
        ("SALE 50%(100,200),(400,300)DRESS(120,500),(380,640)", ["SALE 50%", "DRESS"]),
        # Corners the wrong way round, out of the picture, without an inside.
        ("a(400,300),(100,200)", ["a"]),
        ("a(900,900),(4000,4000)", ["a"]),
        ("a(1,2),(3,4)b(5,5),(5,9)c(1,1),(2,2)", ["a", "c"]),
        ("a(2000,2000),(4000,4000)", []),
        ("(156,68),(783,758)", []),
        ("这是一张衣服的照片", []),
        ('```json\n[{"bbox": [1.5, 2, 30, 40], "text": "a \\"b\\" {c}"}]\n```', ['a "b" {c}']),
        ('[{"box": [1, 2, 3], "text": "a"}, {"box": [1, 2, 3, 4], "text": "b"}]', ["b"]),
        (f"<ref>print that looks like a tag{REF}a{REF_END}{QUAD}(1,2),(3,4){QUAD_END}", ["a"]),
        (f"{REF}a{REF_END}{REF}b{REF_END}{QUAD}(1,2),(3,4){QUAD_END}", ["b"]),
        (f"{REF}<ref>a</ref>{REF_END}{QUAD}(1,2),(3,4){QUAD_END}", ["<ref>a</ref>"]),
        (f"{REF}a{REF_END}{QUAD}(1,2),(3,4),(1,9),(5,5){QUAD_END}", ["a"]),
        (f"{REF}a{REF_END}{QUAD}(1{'0' * 5000},2),(3,4){QUAD_END}", []),
    ],
)
def test_documented_traps(said, texts):
    assert [found.text for found in judge_answer(said, [], "stop").lines] == texts


def test_corners_are_put_in_order_and_clipped():
    assert judge_answer("a(400,300),(100,200)", [], "stop").lines[0].box == (100, 200, 400, 300)
    assert judge_answer("a(900,900),(4000,4000)", [], "stop").lines[0].box == (900, 900, 1000, 1000)


@pytest.mark.parametrize("said", ["这是一张衣服的照片", "(156,68),(783,758)", "a(5,5),(5,5)"])
def test_an_answer_without_lines_is_marked_astray(said):
    answer = judge_answer(said, [], "stop")

    assert answer.astray
    assert answer.cut_off


def test_a_repeated_line_is_one_line_and_marks_the_answer_astray():
    answer = judged(write("tagged", [("COTTON", (1, 2, 3, 4))] * 5))

    assert [found.text for found in answer.lines] == ["COTTON"]
    assert answer.astray


def test_the_same_word_at_other_places_is_no_loop():
    lines = [("LOVE", (1, 10 * at, 9, 10 * at + 9)) for at in range(20)]

    assert len(judged(write("tagged", lines)).lines) == 20
    assert not judged(write("tagged", lines)).astray


def test_a_stuttering_line_is_shortened_and_marks_the_answer_astray():
    answer = judged(write("tagged", [("WASH " + "COLD " * 30, (1, 2, 3, 4))]))

    assert answer.lines[0].text == "WASH COLD"
    assert answer.astray


@pytest.mark.parametrize(("reason", "astray"), [("length", False), ("repetition", True)])
def test_vllms_finish_reason_decides(reason, astray):
    answer = judged(write("tagged", [("a", (1, 2, 3, 4))]), reason)

    assert answer.cut_off
    assert answer.astray is astray


def test_characters_split_over_tokens_still_score_by_their_own_tokens():
    """A character of several tokens may come as empty strings, or whole, at any of them."""
    tokens = [Token(REF, -9), Token("", -0.2), Token("", -0.2), Token("棉", -0.2), Token(REF_END, -9)]
    tokens += [Token(piece, -9) for piece in (QUAD, "(1,2),(3,4)", QUAD_END)]
    content = f"{REF}棉{REF_END}{QUAD}(1,2),(3,4){QUAD_END}"

    assert judge_answer(content, tokens, "stop").lines[0].score == round(math.exp(-0.2), 4)


def test_tokens_that_do_not_add_up_score_the_answer_as_a_whole():
    assert judge_answer("a(1,2),(3,4)", [Token("x", -0.5)], "stop").lines[0].score == round(math.exp(-0.5), 4)


def test_the_text_read_is_in_no_repr():
    answer = judged(write("tagged", [("planted", (1, 2, 3, 4))]))

    assert "planted" not in repr(answer)
