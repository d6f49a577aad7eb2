"""What a batch needs of its neighbours: the state database, the lanes, later writes, and database threads."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

from klaviyo_sink.delivery.results import LaneName, RowResult
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.state.folding import Folded
from klaviyo_sink.state.settling import Settled, Write
from schemas.events import OutfitTagged
from schemas.outcomes import Never

P = ParamSpec("P")
T = TypeVar("T")


class Database(Protocol):
    """What a batch needs of the state database (`state.store.StateDatabase`)."""

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        """Fold events into their shoppers' profiles."""
        ...

    def rebuild(self, events: Sequence[OutfitTagged], versions: Mapping[str, int]) -> list[Folded | Never | None]:
        """Fold events, and begin a write for every shopper."""
        ...

    def settle(self, writes: Sequence[Write], *, at: datetime) -> dict[str, Settled | None]:
        """Record how writes ended. Returns None for forgotten shoppers."""
        ...


class Sender(Protocol):
    """Sends rows (`delivery.lanes.Lanes`)."""

    async def send_events(self, rows: Sequence[Row], lane: LaneName) -> dict[str, RowResult]:
        """Send uploads; results by the events' names."""
        ...

    async def send_states(self, rows: Sequence[Row]) -> dict[str, RowResult]:
        """Send states alone; results by shopper."""
        ...


class LookAgain(Protocol):
    """Writes shoppers once more, later (`delivery.follow_up.FollowUps`)."""

    def add(self, event: OutfitTagged, dirty: int) -> None:
        """Write the event's shopper again when all requests in flight have ended. The row was left with `dirty`."""
        ...

    def all_landed(self, shopper_id: str, dirty: int) -> bool:
        """Return whether every request in flight when the row got this `dirty` has ended."""
        ...


class InDatabase(Protocol):
    """Makes a blocking call in a database thread."""

    def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Call it there."""
        ...
