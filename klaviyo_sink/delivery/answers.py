"""What became of a row that was sent."""

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from klaviyo_sink.api.errors import Failure
from schemas.outcomes import Never

LaneName = Literal["single", "bulk"]


@dataclass(frozen=True, slots=True)
class Taken:
    """Klaviyo took the row."""

    lane: LaneName
    #: It has had the event before, and may not have looked at the state that came with it now.
    before: bool = False


Answer = Taken | Failure


def unbuildable(error: ValidationError) -> Never:
    """Say why no body can be built, by the names of the fields and without their values."""
    places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:3])
    return Never("unsendable", f"Klaviyo would refuse this content: {places}")
