"""Misread, broken and spread words: found where the lexicon proves them, for a lower score."""

from collections.abc import Callable

import pytest

from rules.tagger import Tagger, Tagging
from rules.text.normalize import Normal, normalize
from rules.text.repair import Repair
from schemas.events import TextLine


@pytest.mark.parametrize(
    ("misread", "right", "tag"),
    [
        ("C0TT0N shirt", "COTTON shirt", "material/cotton"),
        ("s1lk blouse", "silk blouse", "material/silk"),
        ("100% 1inen", "100% linen", "material/linen"),
        ("65% polyesler 35% cotton", "65% polyester 35% cotton", "material/polyester"),
        ("100% poIyarnide", "100% polyamide", "material/polyamide"),
        ("绵65% 涤伦35%", "棉65% 涤纶35%", "material/polyester"),
        ("晴纶50% 羊毛50%", "腈纶50% 羊毛50%", "material/acrylic"),
        ("1OO% cotton", "100% cotton", "material/cotton"),
        ("纯 棉 T 恤", "纯棉T恤", "claim/pure-cotton"),
        ("D E N I M", "DENIM", "material/denim"),
        ("连衣\n裙", "连衣裙", "category/dress"),
        ("WIDE\nLEG PANTS", "WIDE LEG PANTS", "category/wide-leg-pants"),
        ("poly-\nester 100%", "polyester 100%", "material/polyester"),
    ],
)
def test_it_is_found_for_less_than_if_it_were_read_well(
    tagged: Callable[[str], Tagging], misread: str, right: str, tag: str
):
    score, full = ({one.id: one.score for one in tagged(text).tags}[tag] for text in (misread, right))

    assert 0 < score <= 0.9 * full


@pytest.mark.parametrize("text", ["丝绵被", "海绵", "HEATHER 100%", "corto", "button 5%", "棉\n花糖"])
def test_a_word_that_only_looks_like_a_misreading_is_no_tag(ids: Callable[[str], set[str]], text: str):
    assert not {tag for tag in ids(text) if tag.startswith("material/")}


def test_a_word_that_could_be_two_is_left_alone():
    repair = Repair(["clear", "cheap"], [("leather", "material/leather"), ("feather", "material/feather")])

    assert repair.repaired(normalize("100% heather")) == normalize("100% heather")


def test_a_repaired_word_is_marked():
    repaired = Repair(["silk"], []).repaired(normalize("a s1lk tie"))

    assert repaired == Normal("\na silk tie\n", (4,))


def test_gaps_before_and_behind_a_repair_keep_their_places():
    repair = Repair([], [("polyester", "material/polyester")])

    assert repair.repaired(normalize("纯 棉 50% polyestr 棉 麻")).text == "\n纯棉 50% polyester 棉麻\n"
    assert repair.repaired(normalize("纯 棉 50% polyestr 棉 麻")).gaps == (2, 9, 19)


def test_two_chinese_letters_at_a_line_break_are_no_word(ids: Callable[[str], set[str]]):
    assert ids("最高\n腰果") == set()


def test_chinese_does_not_run_on_from_a_short_line(tagger: Tagger, place: Callable[..., TextLine]):
    upper, lower = place("连衣", width=40), place("裙子很长很长很长很长", top=22, width=400)

    assert "category/dress" not in {tag.id for tag in tagger.tag([upper, lower]).tags}
