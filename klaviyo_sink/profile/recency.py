"""How the weight of an upload decreases with time. Pure data; knows neither tags nor the time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Recency:
    """
    An upload weighs 1 when it is posted, and half of that after each `half_life`. A tag is on the profile while its
    uploads together weigh at least `least`.

    By default a tag of one upload stays for a year, and one of four uploads for two. With a `half_life` of zero, tags
    stay for ever.

    Raises:
        ValueError: `half_life` is negative, or `least` is not between 0 and 1.

    """

    half_life: timedelta = timedelta(days=180)
    least: float = 0.25

    def __post_init__(self) -> None:
        if self.half_life < timedelta(0) or not 0 < self.least <= 1:
            raise ValueError("half_life must not be negative, and least must be above 0 and at most 1")

    def weight(self, age: timedelta) -> float:
        """Return the weight of an upload of this age; 1 for one from the future."""
        return 0.5 ** (age / self.half_life) if self.half_life and age > timedelta(0) else 1.0


DEFAULT_RECENCY: Final = Recency()
