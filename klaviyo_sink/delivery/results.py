"""The result of a row that was sent."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import ValidationError

from klaviyo_sink.api.errors import Failure
from schemas.outcomes import Later, Never

LaneName = Literal["single", "bulk"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Klaviyo accepted the row."""

    lane: LaneName
    #: Klaviyo had the event already, so it may have dropped this repetition with its state.
    repeated: bool = False


RowResult = Delivered | Failure

#: The shopper was forgotten while the row waited; nothing was sent.
FORGOTTEN: Final = Later("forgotten", "the shopper was forgotten while this waited for Klaviyo's limits")
#: Another write of the shopper began while this one waited; nothing was sent. The next try has a ticket of its own.
OVERTAKEN: Final = Later("overtaken", "another process wrote this shopper's profile at the same time")


def unbuildable(error: ValidationError) -> Never:
    """Return the failure for a body that breaks a limit, with the names of the fields but not their values."""
    places = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:3])
    return Never("unsendable", f"Klaviyo would refuse this content: {places}")
