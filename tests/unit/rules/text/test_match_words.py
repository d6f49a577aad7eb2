"""Finding words: at their boundaries, without overlaps, and so that they cover the most."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rules.text.match import Matcher, Term


def found(words: list[str], text: str) -> list[str]:
    matches = Matcher([Term(word, "word", word) for word in words]).find(f"\n{text}\n")
    return [match.term.text for match in matches]


def test_a_latin_word_counts_only_by_itself():
    assert found(["tee", "down"], "committee slow downtown tee") == ["tee"]


def test_a_latin_word_may_touch_chinese():
    assert found(["cotton"], "纯cotton衬衫") == ["cotton"]


def test_an_english_plural_is_the_same_word():
    assert found(["dress", "shirt"], "dresses shirts shirtse") == ["dress", "shirt"]


def test_a_word_that_ends_in_s_by_itself_comes_before_a_plural():
    assert found(["short", "shorts"], "shorts") == ["shorts"]


def test_the_longest_word_wins():
    assert found(["棉", "棉花糖", "纯棉"], "棉花糖") == ["棉花糖"]


def test_the_words_that_cover_the_most_win_over_one_long_one():
    assert found(["vegan leather", "leather jacket", "jacket"], "vegan leather jacket") == ["vegan leather", "jacket"]


def test_of_two_equal_covers_the_one_with_fewer_words_wins():
    assert found(["衬衫", "外套", "衬衫外套"], "衬衫外套") == ["衬衫外套"]


def test_a_word_wins_over_the_negation_it_could_begin_with():
    matcher = Matcher([Term("非常", "harmless", "zh"), Term("非", "negation", "no"), Term("常规版型", "word", "fit")])

    assert [match.term.text for match in matcher.find("\n非常规版型\n")] == ["非", "常规版型"]


def test_no_words_find_nothing():
    assert Matcher([]).find("\nanything\n") == []


ALPHABET = "ab棉花 "


@given(
    st.lists(st.text(alphabet=ALPHABET, min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=8),
    st.text(alphabet=ALPHABET, max_size=30),
)
def test_found_words_are_in_the_text_in_order_and_do_not_overlap(words: list[str], text: str):
    framed = f"\n{text}\n"
    matches = Matcher([Term(word, "word", word) for word in words]).find(framed)

    assert all(framed[match.start :].startswith(match.term.text) for match in matches)
    assert all(one.stop <= other.start for one, other in pairwise(matches))
    assert all(match.term.text in words for match in matches)
