"""How long what an upload said is still said. Pure data; knows neither tags nor the time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Recency:
    """
    An upload weighs 1 when it is posted and half of it `half_life` later; a tag is said while its uploads together
    weigh at least `least`.

    As it comes a tag seen once is said for a year, and one seen four times for two. A `half_life` of zero means that
    nothing fades.

    Raises:
        ValueError: a negative `half_life`, or a `least` that is not between 0 and 1.

    """

    half_life: timedelta = timedelta(days=180)
    least: float = 0.25

    def __post_init__(self) -> None:
        if self.half_life < timedelta(0) or not 0 < self.least <= 1:
            raise ValueError("a half-life is not negative, and a new upload, which weighs 1, must be enough to be said")

    def weight(self, age: timedelta) -> float:
        """Weigh an upload posted so long ago; one from the future weighs 1."""
        return 0.5 ** (age / self.half_life) if self.half_life and age > timedelta(0) else 1.0


DEFAULT_RECENCY: Final = Recency()
