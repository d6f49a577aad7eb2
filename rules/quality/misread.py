"""
Simulates OCR errors in labelled texts, to measure their effect. Repeatable by the seed.

Pure. Knows letters that look alike, not words.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from rules.quality.labelled import Composed, Labelled

T = TypeVar("T", Labelled, Composed)
#: What OCR reads instead of a character.
_ALIKE = {
    "0": "o8", "1": "l7i", "2": "z", "3": "8", "4": "a", "5": "s6", "6": "8b", "7": "1", "8": "36", "9": "g4",
    "o": "0c", "l": "1i", "i": "l1", "s": "5", "b": "6h", "e": "c", "c": "e", "n": "h", "h": "n", "t": "f", "f": "t",
    "m": "n", "u": "v", "v": "y", "y": "v", "a": "o", "r": "n", "g": "9", "z": "2", "w": "v", "p": "n", "d": "o",
    "%": "x6", "棉": "绵", "纤": "纡", "涤": "条", "酯": "脂", "羊": "手", "毛": "手", "绒": "纵",
}  # fmt: skip
#: Probability that a misread character is lost.
_LOST = 0.2


def misread_all(texts: Sequence[T], rate: float, seed: int) -> tuple[T, ...]:
    """Misread a share of the characters of texts."""
    random = Random(seed)  # noqa: S311 - a measurement
    return tuple([one.model_copy(update={"text": misread(one.text, rate, random)}) for one in texts])


def misread(text: str, rate: float, random: Random) -> str:
    """Replace or lose each character with a probability; spaces and line breaks stay."""
    return "".join(
        _misread_one(letter, random) if not letter.isspace() and random.random() < rate else letter for letter in text
    )


def _misread_one(letter: str, random: Random) -> str:
    if random.random() < _LOST:
        return ""
    alike = _ALIKE.get(letter.lower())
    if alike is None:
        alike = "0123456789" if letter.isdigit() else "abcdefghijklmnopqrstuvwxyz" if letter.isascii() else "口日目田"
    found = random.choice(alike)
    return found.upper() if letter.isupper() else found
