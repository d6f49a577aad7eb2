"""
Runs the sink without sending: requests are shown and answered here, and all state is kept in memory.

Everything between the event and the request is the real code, so what is shown is what would be sent. The state
database is read, shopper by shopper, and never written (except for the migration at opening).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import httpx
from sqlalchemy import Engine, insert, select

from klaviyo_sink.profile.wording import Wording
from klaviyo_sink.state.database import is_missing, open_database
from klaviyo_sink.state.folding import Folded
from klaviyo_sink.state.settling import Current
from klaviyo_sink.state.store import StateDatabase
from klaviyo_sink.state.tables import forgotten_shoppers, metadata
from schemas.events import OutfitTagged
from schemas.outcomes import Never

#: The responses Klaviyo would send. An import job is followed to its end like any other.
_PROFILE: Final = {"data": {"type": "profile", "id": "dry-run", "attributes": {}}}
_DONE: Final = {
    "data": {"type": "profile-bulk-import-job", "id": "dry-run", "attributes": {"status": "complete"}},
}


@dataclass(frozen=True, slots=True)
class DryRun:
    """Options of a dry run. The sink calls `show` with each request (`POST /api/events`) and its body."""

    show: Callable[[str, bytes], None]
    #: Whether to skip uploads that Klaviyo has accepted before, by the ledger.
    ledger: bool = True


class Unsent(httpx.AsyncBaseTransport):
    """Replaces the network."""

    def __init__(self, show: Callable[[str, bytes], None]) -> None:
        self._show = show

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Show a request that would change something."""
        if request.method != "GET":
            self._show(f"{request.method} {request.url.path}", request.content)
        if request.method == "GET":
            return httpx.Response(200, json=_DONE)
        if request.url.path == "/api/profile-import":
            return httpx.Response(200, json=_PROFILE)
        return httpx.Response(202, json=_DONE if request.url.path.endswith("-import-jobs") else None)


class Rehearsal(StateDatabase):
    """State in memory that starts with the database's state of each shopper."""

    def __init__(self, wording: Wording, real: Engine | None, *, ledger: bool) -> None:
        super().__init__(open_database("sqlite://"), wording)
        self._real, self._ledger = real, ledger
        self._tables = [table for name, table in metadata.tables.items() if ledger or name != "written_events"]
        self._borrowed: set[str] = set()
        if real is not None:
            with real.connect() as theirs, self._engine.begin() as ours:
                if gone := [dict(row) for row in theirs.execute(select(forgotten_shoppers)).mappings()]:
                    ours.execute(insert(forgotten_shoppers), gone)

    def fold(self, events: Sequence[OutfitTagged]) -> list[Folded | Never | None]:
        """Fold as the real state would."""
        self._borrow({event.shopper_id for event in events} - self._borrowed)
        folded = super().fold(events)
        # Without the ledger, show an upload as one that was never sent.
        return (
            folded
            if self._ledger
            else [replace(one, alone=False) if isinstance(one, Folded) else one for one in folded]
        )

    def rebuild(self, events: Sequence[OutfitTagged], versions: Mapping[str, int]) -> list[Folded | Never | None]:
        """Rebuild as the real state would."""
        self._borrow({event.shopper_id for event in events} - self._borrowed)
        return super().rebuild(events, versions)

    def current(self, shoppers: Collection[str]) -> dict[str, Current | None]:
        """Return the real state of shoppers without folded events."""
        self._borrow(set(shoppers) - self._borrowed)
        return super().current(shoppers)

    def close(self) -> None:
        """Close both databases."""
        super().close()
        if self._real is not None:
            self._real.dispose()

    def _borrow(self, shoppers: set[str]) -> None:
        if self._real is None or not shoppers:
            return
        with self._real.connect() as theirs, self._engine.begin() as ours:
            for table in self._tables:
                if "shopper_id" in table.c:
                    mine = select(table).where(table.c.shopper_id.in_(sorted(shoppers)))
                    if rows := [dict(row) for row in theirs.execute(mine).mappings()]:
                        ours.execute(insert(table), rows)
        # Mark shoppers only after copying, so that a failed copy is repeated and no shopper counts as new.
        self._borrowed |= shoppers


def open_rehearsal(url: str, wording: Wording, *, ledger: bool) -> Rehearsal:
    """
    Open state in memory. A missing SQLite file is not created: then all shoppers are new.

    Raises:
        StateUnavailableError: As `open_database`.

    """
    return Rehearsal(wording, None if is_missing(url) else open_database(url), ledger=ledger)
