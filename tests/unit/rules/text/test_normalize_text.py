"""One form for all the ways in which people and OCR write a word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("a\u200bb\u00adc", "abc"),
        ("a\tb\x00c", "a b c"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("👗 dress", "👗 dress"),
    ],
)
def test_it_is_written_one_way(written: str, normal: str):
    assert normal_words([written]) == [normal]


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
