"""One form for all the ways in which people and OCR write a word."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opencc import OpenCC

from rules.text.normalize import normal_words, normalize


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("ＣＯＴＴＯＮ １００％", "cotton 100%"),
        ("無袖連衣裙", "无袖连衣裙"),
        ("V 領", "v领"),
        ("T 恤", "t恤"),
        ("纯 棉", "纯棉"),
        ("长袖 T 恤", "长袖t恤"),
        ("D E N I M", "denim"),
        ("algodón", "algodon"),
        ("bawełna", "bawelna"),
        ("İPEK", "ipek"),
        ("Größe", "grosse"),
        ("V-NECK", "v neck"),
        ("women's", "womens"),
        ("65%cotton", "65% cotton"),
        ("棉65%", "棉 65%"),
        ("100 percent cotton", "100% cotton"),
        ("60 PER CENT WOOL", "60% wool"),
        ("50 Prozent Leinen", "50% leinen"),
        ("30 pour cent", "30%"),
        ("30 por ciento, 20 por cento, 10 per cento", "30%, 20%, 10%"),
        ("70 процентов", "70%"),
        ("綿60パーセント", "绵 60%"),
        ("면 60퍼센트", "면 60%"),
        ("3 centuries", "3 centuries"),
        ("a\u200bb\u00adc", "abc"),
        ("a\tb\x00c", "a b c"),
        ("30ºC", "30°c"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("👗 dress", "👗 dress"),
    ],
)
def test_it_is_written_one_way(written: str, normal: str):
    assert normal_words([written]) == [normal]


@given(st.text(alphabet=st.characters(min_codepoint=0x3400, max_codepoint=0x9FFF), max_size=30))
@example("𠁞𪚏")
@example("坏布")
@example("明瞭")
@example("找藉口")
@example("反覆")
@example("沈思")
@example("一哩")
@example("甦醒")
@example("衹有")
def test_chinese_text_becomes_what_opencc_makes_of_it(text: str):
    """Including the letters that OpenCC changes only within a phrase: most texts skip the conversion."""
    plain = unicodedata.normalize("NFKC", text)

    assert normal_words([text]) == [OpenCC("t2s").convert(plain)]


def test_it_notes_where_it_closed_a_gap():
    text, gaps = normalize("纯 棉")

    assert text == "\n纯棉\n"
    assert gaps == (2,)


def test_four_letters_or_more_are_pulled_together_and_fewer_are_not():
    assert normal_words(["a b c", "a b c d"]) == ["a b c", "abcd"]


@given(st.lists(st.text(alphabet=st.characters(codec=None)), max_size=6))
def test_as_many_lines_come_out_as_go_in(lines: list[str]):
    """For any content, because the mapping from a position to its line depends on it."""
    text = normalize("\n".join(line.replace("\n", " ") for line in lines)).text

    assert text.count("\n") == max(len(lines), 1) + 1


@given(st.text(max_size=60))
def test_normalising_again_changes_nothing_that_is_compared(text: str):
    once = normal_words([text])

    assert normal_words(once) == normal_words(normal_words(once))
