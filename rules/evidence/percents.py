"""
Finds percentages in normalized text, including those that OCR misread.

Pure. Knows figures and the percent sign, no words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

#: The number before a percent sign; a digit may have been read as a letter ("1OO%"). A comma or point belongs to the
#: number only between digits: "65%棉,35%" are two numbers.
_BEFORE = re.compile(r"(?<![\w%])(?<!\d[.,])([\doil|]{1,3}(?:[.,]\d{1,2})?) ?%$")
#: Two zeros can only be the end of 100: OCR misread the 1 ("J00%", "[00%"), or it is outside of the photo.
_HUNDRED_CUT = re.compile(r"(?<![\w%])(?<!\d[.,])(?:[^\W\d]|[\[\]!/\\])?(00) ?%$")
#: Turkish labels write the sign first ("%65 pamuk").
_BEHIND = re.compile(r"%(\d{1,3}(?:[.,]\d{1,2})?)(?![\d%])")
#: A percent sign read as a dollar or another sign.
_MISREAD_SIGN = re.compile(r"(\d(?<![\w.,$].)\d{0,2})[$&](?= ?[^\W\d])")
#: Numbers with at most one sign ("cotton/polyester 65/35"), which are percentages if they add up to 100.
_RATIO = re.compile(r"\d(?<![\w/.,%].)\d?(?: ?/ ?\d{1,2}){1,3}(?=(?: ?%)?(?![\w/.,%]))")
_PART_OF_RATIO = re.compile(r"\d+")
_HUNDRED = re.compile("百分(?:之)?百")
#: The longest number before a sign, with its space.
_LONGEST = 8
_DIGITS = str.maketrans("oil|,", "0111.")
_WHOLE = 100.0


class Percent(NamedTuple):
    """A percentage found in `text[start:stop]`, 0 to 100."""

    start: int
    stop: int
    value: float
    #: Whether one of its characters was guessed.
    mended: bool


def percents_in(text: str) -> Iterator[Percent]:
    """Yield the percentages in normalized text, in order. Skips numbers above 100, in which OCR lost the point."""
    hundreds = _HUNDRED.finditer(text) if "百分" in text else ()
    found = {match.start(): Percent(match.start(), match.end(), _WHOLE, mended=False) for match in hundreds}
    at = text.find("%")
    while at >= 0:
        percent = _percent_at(text, at)
        if percent is not None:
            found.setdefault(percent.start, percent)
        at = text.find("%", at + 1)
    for ratio in _RATIO.finditer(text) if "/" in text else ():
        parts = list(_PART_OF_RATIO.finditer(text, *ratio.span()))
        if sum(float(part[0]) for part in parts) == _WHOLE:
            for part in parts:
                found.setdefault(part.start(), Percent(*part.span(), float(part[0]), mended=True))
    if found and ("$" in text or "&" in text):
        for match in _MISREAD_SIGN.finditer(text):
            if float(match[1]) <= _WHOLE:
                found.setdefault(match.start(), Percent(match.start(), match.end(), float(match[1]), mended=True))
    return iter(sorted(found.values()))


def _percent_at(text: str, sign: int) -> Percent | None:
    """Parse the number of the percent sign at a position."""
    begin = max(0, sign - _LONGEST)
    cut = _HUNDRED_CUT.search(text, begin, sign + 1) if "00" in text[begin:sign] else None
    if cut is not None:
        return Percent(cut.start(), cut.end(), _WHOLE, mended=True)
    number = _BEFORE.search(text, begin, sign + 1) or _BEHIND.match(text, sign)
    if number is None:
        return None
    digits = number[1]
    if digits.isdecimal():
        return Percent(number.start(), number.end(), float(digits), mended=False) if float(digits) <= _WHOLE else None
    value = float(digits.translate(_DIGITS))
    # "lOO%" is a number, "oil%" is not.
    read = value == _WHOLE or any(map(str.isdigit, digits))
    mended = any(mark in digits for mark in "oil|")
    return Percent(number.start(), number.end(), value, mended) if read and value <= _WHOLE else None
