"""Care labels that OCR misread: figures, percent signs and fibre names."""

from collections.abc import Callable

import pytest


def test_a_single_zero_percent_may_be_a_cut_hundred(ids: Callable[[str], set[str]]):
    assert "material/cotton" in ids("纯棉\n0% cotton")


def test_letters_without_digits_are_a_percentage_only_as_a_hundred(shares: Callable[[str], dict[str, float]]):
    assert shares("oil% cotton") == {}
    assert shares("lOO% cotton") == {"cotton": 100}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("J00% wool", {"wool": 100}),
        ("[00% 棉", {"cotton": 100}),
        ("00% linen", {"linen": 100}),
        ("64% wool 36$ silk", {"wool": 64, "silk": 36}),
    ],
)
def test_a_misread_hundred_and_sign_are_corrected_where_the_total_fits(
    shares: Callable[[str], dict[str, float]], label: str, expected: dict[str, float]
):
    assert shares(label) == expected


def test_nought_percent_that_leaves_a_gap_is_a_misreading(
    ids: Callable[[str], set[str]], shares: Callable[[str], dict[str, float]]
):
    assert {"material/wool", "material/acrylic"} <= ids("70% wool 0% acrylic")
    assert "acrylic" not in shares("70% wool 0% acrylic")


def test_percentages_with_an_unknown_word_between_them_are_no_column(shares: Callable[[str], dict[str, float]]):
    assert shares("95% nyaon 5% spandex 180b polyester").get("elastane") != 95


@pytest.mark.parametrize(("label", "fibre"), [("95% ryaon 5% spandex", "viscose"), ("60% lcotht 40% silk", None)])
def test_two_swapped_letters_of_a_short_fibre_name_are_corrected(
    shares: Callable[[str], dict[str, float]], label: str, fibre: str | None
):
    assert shares(label).keys() - {"elastane", "silk"} == ({fibre} if fibre else set())
