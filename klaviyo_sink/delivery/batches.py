"""
Processes one batch of uploads: fold into the style profiles, send, settle; each step for the whole batch.

After a crash between any two steps, the same requests with the same `unique_id` are sent again, and Klaviyo drops them.
The caller makes sure that no shopper is in two batches at once. Another process may still write the same shopper:
`state/settling.py` describes how the two notice, and which one corrects the profile.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from klaviyo_sink.api.errors import Failure
from klaviyo_sink.bodies import Properties
from klaviyo_sink.delivery.protocols import Database, InDatabase, LookAgain, Sender
from klaviyo_sink.delivery.results import FORGOTTEN, OVERTAKEN, Delivered, LaneName, RowResult
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.profile.naming import SeenTags
from klaviyo_sink.state.folding import Folded
from klaviyo_sink.state.settling import Duty, Settled, Write, may_land_later
from schemas.events import OutfitTagged
from schemas.outcomes import Never
from schemas.spans import TraceHeaders

#: How often the state is written again after another process wrote, before the event is queued again.
MENDING_WRITES: Final = 3
#: The state of a row that was deleted while its write was in progress.
GONE: Final = Settled(Duty.LEFT)


@dataclass(frozen=True, slots=True)
class Written:
    """Klaviyo has the newest state, or never will because the shopper was forgotten (version 0)."""

    outcome: Literal["written", "unchanged", "forgotten"]
    lane: LaneName
    profile_version: int


@dataclass(slots=True)
class _Shopper:
    """A shopper of the batch whose write has begun."""

    event: OutfitTagged
    trace: TraceHeaders
    properties: Properties
    version: int
    ticket: int
    #: Whether the profile must also be set without an event.
    alone: bool
    unsure: bool
    #: The events to send, by name.
    events: dict[str, OutfitTagged] = field(default_factory=dict)
    #: Result of the newest state: the version that Klaviyo accepted, or a failure; None: not sent.
    state: RowResult | None = None
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Batches:
    """Processes batches."""

    database: Database
    sender: Sender
    in_database: InDatabase
    metric: str
    stale_after: timedelta
    now: Callable[[], datetime]
    follow_ups: LookAgain
    #: Compares shoppers who were written before with Klaviyo; a failure stops the batch.
    compare: Callable[[Sequence[OutfitTagged]], Awaitable[Failure | None]] | None = None
    #: How tags seen only in the picture are written (`profile/naming.py`).
    seen: SeenTags = "separate"

    async def write(
        self,
        events: Sequence[OutfitTagged],
        lane: LaneName,
        traces: Mapping[str, TraceHeaders],
        make_room: Callable[[], None] = lambda: None,
    ) -> list[Written | Failure]:
        """
        Update Klaviyo with the events. Return the result of each, in their order.

        `traces` are by upload id. Calls `make_room` when the rest may take long, because an import job is followed to
        its end.
        """
        folded = await self.in_database(self.database.fold, events)
        shoppers = self._shoppers(events, folded, traces)
        if self.compare is not None:
            written = {
                event.shopper_id: event
                for event, one in zip(events, folded, strict=True)
                if isinstance(one, Folded) and one.ticket and one.written_version
            }
            stop = await self.compare(list(written.values())) if written else None
            if stop is not None:
                return [stop for _ in events]
        results = await self._send_events(shoppers.values(), lane, traces)
        lonely = [shopper for shopper in shoppers.values() if _needs_state(shopper, results)]
        await self._send_states(lonely, make_room)
        await self._settle(shoppers, results, make_room)
        return [
            self._outcome(one, results, shoppers.get(event.shopper_id), lane)
            for event, one in zip(events, folded, strict=True)
        ]

    async def reconcile(self, events: Sequence[OutfitTagged], versions: Mapping[str, int]) -> list[Written | Failure]:
        """
        Set profiles to the state from the events and the state database, whatever the profiles contained before.

        For use after a restore: sets profiles only and sends no event. `versions` are those at Klaviyo, by shopper.
        """
        folded = await self.in_database(self.database.rebuild, events, versions)
        shoppers = self._shoppers(events, folded, {})
        for shopper in shoppers.values():
            shopper.events.clear()
        await self._send_states(shoppers.values(), lambda: None)
        await self._settle(shoppers, {}, lambda: None)
        return [
            self._outcome(one, {}, shoppers.get(event.shopper_id), "bulk")
            for event, one in zip(events, folded, strict=True)
        ]

    def _shoppers(
        self,
        events: Sequence[OutfitTagged],
        folded: Sequence[Folded | Never | None],
        traces: Mapping[str, TraceHeaders],
    ) -> dict[str, _Shopper]:
        """Gather, by shopper, the writes that have begun."""
        shoppers: dict[str, _Shopper] = {}
        for event, one in zip(events, folded, strict=True):
            if not isinstance(one, Folded) or not one.ticket:
                continue
            shopper = shoppers.get(event.shopper_id)
            if shopper is None:
                trace = traces.get(event.upload_id, ())
                unsure = may_land_later(one.dirty) and not self.follow_ups.all_landed(event.shopper_id, one.dirty)
                shopper = _Shopper(event, trace, one.properties, one.version, one.ticket, alone=False, unsure=unsure)
                shoppers[event.shopper_id] = shopper
            shopper.alone |= one.alone
            if not one.known:
                shopper.events.setdefault(one.unique_id, event)
        return shoppers

    async def _send_events(
        self, shoppers: Iterable[_Shopper], lane: LaneName, traces: Mapping[str, TraceHeaders]
    ) -> dict[str, RowResult]:
        rows = [
            self._row(shopper, event, name, traces.get(event.upload_id, ()))
            for shopper in shoppers
            for name, event in shopper.events.items()
        ]
        return await self.sender.send_events(rows, lane) if rows else {}

    async def _send_states(self, shoppers: Iterable[_Shopper], make_room: Callable[[], None]) -> None:
        """Send states without events."""
        alone = {shopper.event.shopper_id: shopper for shopper in shoppers}
        if not alone:
            return
        make_room()
        rows = [self._row(shopper, shopper.event, None, shopper.trace) for shopper in alone.values()]
        for shopper_id, result in (await self.sender.send_states(rows)).items():
            alone[shopper_id].state = result

    def _row(self, shopper: _Shopper, event: OutfitTagged, name: str | None, trace: TraceHeaders) -> Row:
        backfill = event.backfill or self.now() - event.uploaded_at > self.stale_after
        return Row(
            event,
            name or "",
            shopper.properties,
            self.metric,
            backfill,
            with_event=name is not None,
            version=shopper.version,
            ticket=shopper.ticket,
            seen=self.seen,
            trace=trace,
        )

    async def _settle(
        self, shoppers: Mapping[str, _Shopper], results: Mapping[str, RowResult], make_room: Callable[[], None]
    ) -> None:
        """Record how the writes ended. If another process wrote meanwhile, send the newest state and settle again."""
        unsettled = dict(shoppers)
        for tried in range(MENDING_WRITES + 1):
            if not unsettled:
                return
            writes = [_ended(shopper, results) for shopper in unsettled.values()]
            settled = await self.in_database(self.database.settle, writes, at=self.now())
            mending: dict[str, _Shopper] = {}
            for shopper_id, shopper in unsettled.items():
                now = settled.get(shopper_id, GONE)
                shopper.forgotten = now is None
                if now is not None and now.duty is Duty.LEFT:
                    self.follow_ups.add(shopper.event, now.dirty)
                if now is GONE:
                    shopper.state = OVERTAKEN
                elif now is not None and now.duty is Duty.MEND and now.newest is not None:
                    shopper.ticket, shopper.unsure = now.dirty, now.unsure
                    shopper.properties, shopper.version = now.newest.properties, now.newest.version
                    mending[shopper_id] = shopper
            unsettled = mending
            if tried == MENDING_WRITES:
                # The rows stay dirty. The next try of the events corrects the profile, or the follow-up does if the
                # shopper belongs to another process by then.
                for shopper in unsettled.values():
                    shopper.state = OVERTAKEN
                    self.follow_ups.add(shopper.event, shopper.ticket)
                return
            await self._send_states(unsettled.values(), make_room)

    def _outcome(
        self,
        folded: Folded | Never | None,
        results: Mapping[str, RowResult],
        shopper: _Shopper | None,
        lane: LaneName,
    ) -> Written | Failure:
        if isinstance(folded, Never):
            return folded
        if folded is None:
            return Written("forgotten", lane, 0)
        if shopper is None:
            return Written("unchanged", lane, folded.version)
        result = results.get(folded.unique_id)
        if shopper.forgotten and FORGOTTEN not in {result, shopper.state}:
            return Written("forgotten", lane, 0)
        for one in (result, shopper.state):
            if one is not None and not isinstance(one, Delivered):
                return one
        used = result or shopper.state
        return Written("written", used.lane if isinstance(used, Delivered) else lane, shopper.version)


def _needs_state(shopper: _Shopper, results: Mapping[str, RowResult]) -> bool:
    """
    Record the results of a shopper's events. Return whether the state must still be sent without an event.

    It must if Klaviyo may know an event already: Klaviyo then may have dropped the repeated event with its state.
    """
    mine = [results[name] for name in shopper.events]
    delivered = [one for one in mine if isinstance(one, Delivered)]
    again = next((one for one in mine if not isinstance(one, Delivered | Never)), None)
    if again is not None:
        # The event is tried again, and its state with it.
        shopper.state = again
        return False
    carried = [one for one in delivered if not one.repeated]
    if carried:
        shopper.state = carried[-1]
    elif mine and not delivered:
        shopper.state = mine[-1]
    return shopper.alone or not mine or (bool(delivered) and not carried)


def _ended(shopper: _Shopper, results: Mapping[str, RowResult]) -> Write:
    """Return how the write to a shopper's profile ended."""
    state = shopper.state
    taken = {
        name: event.upload_id for name, event in shopper.events.items() if isinstance(results.get(name), Delivered)
    }
    version = None
    if isinstance(state, Delivered):
        version = shopper.version
    elif not isinstance(state, Never):
        # The event will be delivered again, so the ledger must not contain it. After a `Never` it will not.
        taken = {}
    sent = state is not OVERTAKEN or any(results.get(name) is not OVERTAKEN for name in shopper.events)
    return Write(shopper.event.shopper_id, shopper.ticket, version, taken, unsure=shopper.unsure, sent=sent)
