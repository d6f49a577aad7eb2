"""What the page shows, as HTML: numbers, evidence, both languages, and markup from photos as text."""

import re
from dataclasses import replace

import pytest

from ocr_worker.result import ReadImage, Reading, ReadQuality, Refused
from ocr_worker.ui.messages import WORDS, preferred
from ocr_worker.ui.trial import Trial
from ocr_worker.ui.view import view
from schemas.events import Engine, Evidence, Labels, Tag, TextLine
from schemas.outcomes import Later, Misconfigured

BRAND = TextLine(text="MORI LANE", bbox=(100, 50, 500, 110), score=0.97)
FIBRE = TextLine(text="面料:棉60%锦纶40%", bbox=(100, 150, 600, 200), score=0.995)
COTTON = Tag(
    id="material/cotton",
    category="material",
    value="cotton",
    labels=Labels(en="Cotton", zh="棉"),
    score=0.99,
    share=60,
    evidence=(Evidence(text=FIBRE.text, bbox=FIBRE.bbox, rule="material/cotton#composition"),),
)


def look(lines=(BRAND, FIBRE), tags=(COTTON,), verdict="ok", **changes: object) -> Trial:
    reading = Reading(
        texts=lines,
        image=ReadImage(width=2000, height=1000, sha256="0" * 64),
        quality=ReadQuality(verdict=verdict, sharpness=281.4, hint=None if verdict == "ok" else "提示 / hint"),
        engine=Engine(name="rapid", model="PP-OCRv6-small", revision="rapidocr-3.10.0"),
        timings_ms={"decode": 10.0, "prepare": 20.0, "queue": 0.0, "engine": 960.0, "finish": 8.0, "total": 998.0},
    )
    shown = Trial(reading, tags, 2.0, b"jpeg", (1000, 500), b"lifted", 0.25, ((10.0, 20.0, 110.0, 220.0),))
    return replace(shown, **changes)


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def test_each_line_has_its_box_in_the_photo_s_own_pixels_and_its_number():
    photo = view(look(), "en").photo
    assert 'viewBox="0 0 2000 1000"' in photo
    assert '<rect x="100" y="50" width="400" height="60">' in photo
    assert '<rect x="100" y="150" width="500" height="50">' in photo
    assert re.findall(r">(\d+)</text>", photo) == ["1", "2"]


def test_a_number_stays_inside_the_photo_and_readable_however_small_and_near_the_edge_its_line_is():
    at_the_edge = TextLine(text="x", bbox=(0, 0, 4, 2), score=1)
    x, radius = re.search(
        r'<circle cx="([\d.]+)" cy="[\d.]+" r="([\d.]+)"', view(look((at_the_edge,)), "en").photo
    ).groups()
    assert float(x) >= float(radius) == 18.0


def test_lines_that_prove_a_tag_are_marked():
    shown = view(look(), "en")
    assert re.findall(r'<b class="number (\w+)">(\d+)</b>', shown.lines) == [("plain", "1"), ("proven", "2")]
    assert re.findall(r'<b class="number (\w+)">(\d+)</b>', shown.tags) == [("proven", "2")]


def test_a_tag_shows_label_id_share_score_and_evidence_with_its_rule():
    english, chinese = text_of(view(look(), "en").tags), text_of(view(look(), "zh").tags)
    for part in ("material/cotton", "60 %", "0.99", FIBRE.text, "material/cotton#composition"):
        assert part in english
        assert part in chinese
    assert "Cotton" in english
    assert "棉" in chinese.replace(FIBRE.text, "")


def test_evidence_of_no_shown_line_has_no_number():
    stray = COTTON.model_copy(update={"evidence": (Evidence(text="elsewhere", bbox=(0, 0, 1, 1), rule="r"),)})
    shown = view(look(tags=(stray,)), "en")
    assert "elsewhere" in shown.tags
    assert "number" not in shown.tags


def test_markup_in_a_photo_is_shown_as_text():
    hostile = TextLine(text='<img src=x onerror="alert(1)">&', bbox=(1, 1, 9, 9), score=0.9)
    tag = COTTON.model_copy(
        update={
            "evidence": (Evidence(text=hostile.text, bbox=hostile.bbox, rule="<i>"),),
            "labels": Labels(en="<u>", zh="<u>"),
        }
    )
    for fragment in view(look((hostile,), (tag,)), "en"):
        assert "<img" not in fragment
        assert "<i>" not in fragment
        assert "<u>" not in fragment
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;" in view(look((hostile,)), "en").lines


def test_the_verdict_comes_with_sharpness_lines_and_seconds():
    assert text_of(view(look(), "zh").verdict).split() == [
        *("清晰可读", "清晰度", "281", "·", "2", "行文字", "·", "1.0", "秒", "·"),
        *("PP-OCRv6-small", "(rapidocr-3.10.0)"),
    ]


@pytest.mark.parametrize("verdict", ["blurry", "no_text", "cut_off"])
def test_the_page_says_what_the_owner_can_do_about_a_bad_photo(verdict):
    shown = view(look((), (), verdict), "en")
    assert f"hangtag-verdict {verdict}" in shown.verdict
    assert "hint" in shown.verdict
    assert WORDS["en"].no_tags in shown.tags
    assert shown.lines == ""


def test_before_and_after_show_the_changes():
    steps = view(look(), "en").steps
    assert "1000 × 500" in steps
    assert "25% of the tiles" in steps
    assert '<rect class="closer" x="10" y="20" width="100" height="200"/>' in steps
    untouched = view(look(lifted=0.0, closer=()), "en").steps
    assert WORDS["en"].untouched in untouched
    assert "closer" not in untouched


def test_the_page_says_when_an_engine_reports_no_steps():
    assert WORDS["zh"].not_told in view(look(given=None), "zh").steps


def test_timings_add_up_with_the_rules():
    timings = text_of(view(look(), "en").timings)
    assert re.search(r"rules\s+2\.0 ms", timings)
    assert re.search(r"total\s+1000\.0 ms", timings)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("code", ["unreadable", "too_large", "unsupported"])
def test_a_refused_photo_shows_the_worker_s_own_sentence(language, code):
    shown = view(Refused(code, "the photo has 9 x 9 pixels"), language)
    assert WORDS[language].refusals[code] in shown.verdict
    assert "the photo has 9 x 9 pixels" in shown.verdict
    assert set(shown[1:]) == {""}


@pytest.mark.parametrize("failure", [Later("vllm-down", "the server is down"), Misconfigured("key", "no such key")])
def test_an_engine_that_cannot_read_says_why(failure):
    assert failure.message in view(failure, "en").verdict


def test_before_the_first_photo_there_is_an_invitation():
    assert view(None, "zh").verdict != view(None, "en").verdict
    assert set(view(None, "en")[1:]) == {""}


def test_both_languages_name_the_same_things():
    for field in ("verdicts", "refusals", "laps"):
        assert getattr(WORDS["zh"], field).keys() == getattr(WORDS["en"], field).keys()


@pytest.mark.parametrize(
    ("header", "language"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("ZH-TW", "zh"), ("en-GB,zh;q=0.5", "en"), ("de", "en"), ("", "en")],
)
def test_the_first_language_is_the_browser_s(header, language):
    assert preferred(header) == language


@pytest.mark.parametrize(("language", "said"), [("en", "seen in the picture"), ("zh", "看图得出")])
def test_a_seen_tag_is_marked_and_shows_its_place(language, said):
    proof = Evidence(kind="seen", text="", bbox=(300, 200, 900, 800), rule="category/dress", score=0.93)
    dress = COTTON.model_copy(update={"id": "category/dress", "share": None, "evidence": (proof,)})
    shown = view(look(tags=(COTTON, dress)), language)
    assert f"<em>{said}</em> 0.93" in shown.tags
    assert shown.photo.count('<rect class="seen" x="300" y="200" width="600" height="600"/>') == 1
