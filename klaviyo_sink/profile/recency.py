"""How the weight of an upload decreases with time. Pure data; knows neither tags nor the time."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, repeat
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Bits of a weight: its precision, the half-lives of a frame, and those before a frame that cost no precision. The sum
#: of hundreds of weights stays below 2^63: JSON parsers are slow with larger numbers.
_BITS: Final = 20
_FRAME: Final = 16
_SPARE: Final = 16
#: The square root of 2, its square root, and so on.
_ROOTS: Final = tuple(accumulate(repeat(2.0, _BITS + 1), lambda root, _: math.sqrt(root)))[1:]


def micros(moment: datetime) -> int:
    """Return the microseconds from 1970 to a time."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(at: int) -> datetime:
    """Return the time that is so many microseconds after 1970."""
    return _EPOCH + at * _MICROSECOND


@dataclass(frozen=True, slots=True)
class Recency:
    """
    An upload weighs 1 when it is posted, and half of that after each `half_life`. A tag is on the profile while its
    uploads together weigh at least `least`.

    By default a tag of one upload stays for a year, and one of four uploads for two. With a `half_life` of zero, tags
    stay for ever.

    Weights are whole units, so that a sum is exact: it does not depend on the order, and an upload can be subtracted.
    A newer upload has more units, and `needed` grows with time; so the sum itself does not change while nothing is
    uploaded. Units count within a frame of 16 half-lives, which bounds their size.

    Raises:
        ValueError: `half_life` is negative, or `least` is not between 0 and 1.

    """

    half_life: timedelta = timedelta(days=180)
    least: float = 0.25

    def __post_init__(self) -> None:
        if self.half_life < timedelta(0) or not 0 < self.least <= 1:
            raise ValueError("half_life must not be negative, and least must be above 0 and at most 1")

    def frame(self, as_of: int) -> int:
        """Return the frame of a time in microseconds."""
        return as_of // (self.half_life // _MICROSECOND) // _FRAME if self.half_life else 0

    def units(self, at: int, frame: int) -> int:
        """Return the units, in a frame, of an upload posted at a time in microseconds."""
        if not self.half_life:
            return 1
        half_lives, rest = divmod(at, half_life := self.half_life // _MICROSECOND)
        # An upload from after the frame is from the future of every time in it. It then suffices alone.
        shift = min(half_lives - frame * _FRAME, _FRAME) + _SPARE
        grown = _doubled(rest, half_life)
        return grown << shift if shift >= 0 else grown >> -shift

    def needed(self, as_of: int, frame: int) -> int:
        """Return the units that keep a tag on the profile at a time in microseconds."""
        return math.ceil(self.least * self.units(as_of, frame))


def _doubled(rest: int, half_life: int) -> int:
    """Return 2 to the power of rest / half_life, in units of `_BITS` bits; the same on every machine, unlike `pow`."""
    exponent, grown = (rest << _BITS) // half_life, 1.0
    for place, root in enumerate(_ROOTS, start=1):
        if exponent >> (_BITS - place) & 1:
            grown *= root
    return int(grown * (1 << _BITS))


DEFAULT_RECENCY: Final = Recency()
