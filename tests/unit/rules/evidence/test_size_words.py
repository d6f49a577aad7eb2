"""Sizes: those with numbers, single letters after a field, and size charts, which give no size."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("175/92A", {"175-92a"}),
        ("号型：165/88A", {"165-88a"}),
        ("175/96A(L)", {"175-96a", "l"}),
        ("尺码: M", {"m"}),
        ("SIZE L", {"l"}),
        ("XL", {"xl"}),
        ("EU 38 / US 6 / UK 10", {"eu-38", "us-6", "uk-10"}),
        ("EUR 39", {"eu-39"}),
        ("W32 L34", {"w32-l34"}),
        ("W32/L34", {"w32-l34"}),
        ("39码", {"39"}),
        ("文胸 75B", {"75b"}),
        ("Size 6-12M", {"6-12m"}),
        ("Size: 3-4 years", {"3-4y"}),
        ("均码", {"one-size"}),
        ("Maat: M", {"m"}),
        ("Rozmiar L", {"l"}),
        ("Размер: 48", {"48"}),
        ("Størrelse S", {"s"}),
        ("Tamanho: 40", {"40"}),
        ("Beden: 38", {"38"}),
    ],
)
def test_a_size_is_read(ids: Callable[[str], set[str]], text: str, sizes: set[str]):
    assert {tag for tag in ids(text) if tag.startswith("size/")} == {f"size/{size}" for size in sizes}


@pytest.mark.parametrize(
    "text",
    [
        "S M L XL",
        "S-XL",
        "尺码 S/M/L",
        "M",
        "give us 5 stars",
        "H&M",
        "5 L",
        "Mercedes S Class",
        "2026/14A",
        "999/999A",
        "US 50",
        "3-4 years warranty",
        "T-shirt 90b1",
        "guide des tailles",
        "Le mannequin porte une taille M",
        "La modella indossa una taglia M",
        "La modelo lleva una talla M",
        "Modelka nosi rozmiar M",
        "Modellen bär storlek M",
        "Manken M beden giymektedir",
        "XS\nS\nM\nL\nXL",
    ],
)
def test_a_size_of_something_else_is_no_garments_size(ids: Callable[[str], set[str]], text: str):
    assert not {tag for tag in ids(text) if tag.startswith("size/")}


def test_a_chart_is_named_as_the_reason(reasons: Callable[[str], dict[str, str]]):
    assert reasons("S M L XL") == {"size/xl": "a size chart"}
