"""
One batch of uploads: fold into the style profiles, send, enter in the ledger, each in one step for all.

A crash between any two steps ends in the same requests with the same `unique_id`, which Klaviyo drops. The caller sees
to it that no shopper is in two batches at once; another process may still write the same shopper, which shows when the
write is entered, and is answered by sending the newest state once more.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, ParamSpec, Protocol, TypeVar

from klaviyo_sink.api.errors import Failure
from klaviyo_sink.bodies import Properties
from klaviyo_sink.delivery.answers import Answer, LaneName, Taken
from klaviyo_sink.delivery.lanes import Lanes
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.state.folding import Folded
from klaviyo_sink.state.store import State, Write
from schemas.events import OutfitTagged
from schemas.outcomes import Later, Never
from schemas.spans import TraceHeaders

P = ParamSpec("P")
T = TypeVar("T")

#: Times the state is written again because another process wrote meanwhile, before the event is put back in line.
SETTLE_WRITES: Final = 3


class InDatabase(Protocol):
    """Makes a blocking call in a database thread."""

    def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Call it there."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """Klaviyo says what the style profile says, or never will because the shopper was forgotten (version 0)."""

    outcome: Literal["written", "unchanged", "forgotten"]
    lane: LaneName
    profile_version: int


@dataclass(slots=True)
class _Shopper:
    """A shopper of the batch."""

    event: OutfitTagged
    trace: TraceHeaders
    said: Properties
    version: int
    #: What became of the newest state on its way; None while it has not been sent.
    state: Answer | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Batches:
    """Works on batches."""

    state: State
    lanes: Lanes
    in_database: InDatabase
    metric: str
    stale_after: timedelta
    now: Callable[[], datetime]

    async def write(
        self,
        events: Sequence[OutfitTagged],
        lane: LaneName,
        traces: Mapping[str, TraceHeaders],
        make_room: Callable[[], None] = lambda: None,
    ) -> list[Written | Failure]:
        """
        Bring Klaviyo up to date with the events, for `traces` by upload; what became of each, in their order.

        Calls `make_room` when all that is left may take as long as Klaviyo likes: an import job is followed to its end.
        """
        folded = await self.in_database(self.state.fold, events)
        shoppers = self._shoppers(events, folded, traces)
        rows: dict[str, Row] = {}
        for event, one in zip(events, folded, strict=True):
            if isinstance(one, Folded) and not one.known:
                trace = traces.get(event.upload_id, ())
                rows.setdefault(one.unique_id, self._row(event, trace, one.unique_id, shoppers[event.shopper_id]))
        answers: dict[str, Answer] = {}
        if rows:
            answers = dict(zip(rows, await self.lanes.send_events(list(rows.values()), lane), strict=True))
        for name, answer in answers.items():
            if isinstance(answer, Taken) and not answer.before:
                shoppers[rows[name].event.shopper_id].state = answer
        stateless = [
            shoppers[event.shopper_id]
            for event, one in zip(events, folded, strict=True)
            if isinstance(one, Folded) and _lacks_state(one, answers.get(one.unique_id), shoppers[event.shopper_id])
        ]
        await self._send_states(stateless, make_room)
        await self._enter(rows, answers, shoppers, make_room)
        return [
            self._outcome(one, answers, shoppers.get(event.shopper_id), lane)
            for event, one in zip(events, folded, strict=True)
        ]

    def _shoppers(
        self,
        events: Sequence[OutfitTagged],
        folded: Sequence[Folded | Never | None],
        traces: Mapping[str, TraceHeaders],
    ) -> dict[str, _Shopper]:
        shoppers: dict[str, _Shopper] = {}
        for event, one in zip(events, folded, strict=True):
            if isinstance(one, Folded) and event.shopper_id not in shoppers:
                trace = traces.get(event.upload_id, ())
                shoppers[event.shopper_id] = _Shopper(event, trace, one.said, one.version)
        return shoppers

    def _row(self, event: OutfitTagged, trace: TraceHeaders, name: str, shopper: _Shopper) -> Row:
        backfill = event.backfill or self.now() - event.uploaded_at > self.stale_after
        return Row(event, name, shopper.said, self.metric, backfill, trace=trace)

    async def _send_states(self, shoppers: Iterable[_Shopper], make_room: Callable[[], None]) -> None:
        """Send states alone, each shopper's once."""
        alone = list({shopper.event.shopper_id: shopper for shopper in shoppers}.values())
        if alone:
            make_room()
            rows = [
                replace(self._row(shopper.event, shopper.trace, "", shopper), with_event=False) for shopper in alone
            ]
            for shopper, answer in zip(alone, await self.lanes.send_states(rows), strict=True):
                shopper.state = answer

    async def _enter(
        self,
        rows: dict[str, Row],
        answers: dict[str, Answer],
        shoppers: dict[str, _Shopper],
        make_room: Callable[[], None],
    ) -> None:
        """Enter what Klaviyo took. Where another process changed a profile meanwhile, send its newest state and see."""
        writes = [
            Write(row.event.shopper_id, 0, upload_id=row.event.upload_id, unique_id=name)
            for name, row in rows.items()
            if isinstance(answers[name], Taken)
        ]
        stated = [shopper for shopper in shoppers.values() if isinstance(shopper.state, Taken)]
        for tried in range(SETTLE_WRITES + 1):
            # The events stand in front, so that what is asked about last is the version that was sent.
            writes += [Write(shopper.event.shopper_id, shopper.version) for shopper in stated]
            if not writes:
                return
            recorded = await self.in_database(self.state.record, writes, at=self.now())
            overtaken = []
            for shopper, now in zip(stated, recorded[len(writes) - len(stated) :], strict=True):
                shopper.gone = now is None
                if now is not None and now.newer is not None:
                    shopper.said, shopper.version = now.newer, now.version
                    overtaken.append(shopper)
            if not overtaken:
                return
            if tried == SETTLE_WRITES:
                break
            await self._send_states(overtaken, make_room)
            stated, writes = [one for one in overtaken if isinstance(one.state, Taken)], []
        for shopper in stated:
            shopper.state = Later("overtaken", "another process keeps writing this shopper's profile")

    def _outcome(
        self, folded: Folded | Never | None, answers: dict[str, Answer], shopper: _Shopper | None, lane: LaneName
    ) -> Written | Failure:
        if isinstance(folded, Never):
            return folded
        if folded is None or shopper is None or shopper.gone:
            return Written("forgotten", lane, 0)
        if folded.known and folded.written_version >= folded.version:
            return Written("unchanged", lane, folded.version)
        answer = answers.get(folded.unique_id)
        for one in (answer, shopper.state):
            if one is not None and not isinstance(one, Taken):
                return one
        used = answer or shopper.state
        return Written("written", used.lane if isinstance(used, Taken) else lane, shopper.version)


def _lacks_state(folded: Folded, answer: Answer | None, shopper: _Shopper) -> bool:
    """Tell whether an event that Klaviyo has had before leaves the shopper's state unsent."""
    if shopper.state is not None or folded.written_version >= folded.version:
        return False
    return folded.known or (isinstance(answer, Taken) and answer.before)
