"""
Makes Klaviyo's profiles and the state database agree, after a backup was restored or the database was lost.

First folds the whole tags topic into the state database again. Only then it sets every profile, so that none loses
values in between; versions continue from the one at Klaviyo. Sends no event, so it starts no flow. An interrupted run
leaves rows dirty, and may be repeated.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from klaviyo_sink.account.profiles import find_profiles
from klaviyo_sink.account.steps import Calls
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.delivery.batches import Written
from klaviyo_sink.delivery.behind import version_of
from klaviyo_sink.sink import Sink
from schemas.events import OutfitTagged
from schemas.outcomes import Later

#: Uploads per round.
ROUND: Final = 500
#: Further rounds for shoppers that Klaviyo answers with Later, before they count as failed.
TRIES: Final = 8


@dataclass(slots=True)
class Report:
    """What reconciling found and did, by shopper."""

    uploads: int = 0
    shoppers: set[str] = field(default_factory=set)
    #: Klaviyo had a newer version than the state database.
    behind: set[str] = field(default_factory=set)
    #: The profile at Klaviyo was changed.
    mended: set[str] = field(default_factory=set)
    #: The profile lost values of uploads that are no longer in the topic.
    lost_values: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconciling:
    """Processes the uploads of a topic. In a dry run `sink` stores and sends nothing; `calls` only reads."""

    sink: Sink
    calls: Calls
    version_property: str

    async def run(self, read: Callable[[], Iterable[OutfitTagged]]) -> AsyncIterator[Report]:
        """
        Reconcile the uploads that `read` returns; it is called twice and must return the same. Yields the report.

        Raises:
            SetupError: Klaviyo rejected a read, or did not respond.
            SQLAlchemyError: The state database failed.

        """
        report = Report()
        before: dict[str, int] = {}
        for some in _rounds(read()):
            shoppers = {event.shopper_id for event in some} - before.keys()
            stored = await self.sink.current(shoppers)
            before |= {one: current.version if (current := stored.get(one)) else 0 for one in shoppers}
            await self.sink.rebuild(some)
            report.uploads += len(some)
            yield report
        for some in _rounds(_first_of_each_shopper(read())):
            await self._round(some, before, report)
            yield report

    async def _round(self, events: Sequence[OutfitTagged], before: Mapping[str, int], report: Report) -> None:
        profiles = await find_profiles(self.calls, events)
        versions = {one: version_of(profile, self.version_property) for one, profile in profiles.items()}
        report.shoppers |= {event.shopper_id for event in events}
        report.behind |= {one for one, version in versions.items() if version > before.get(one, 0)}
        left = events
        for tried in range(TRIES):
            outcomes = await self.sink.reconcile(left, versions)
            for event, one in zip(left, outcomes, strict=True):
                _note(report, event.shopper_id, one)
            left = [event for event, one in zip(left, outcomes, strict=True) if isinstance(one, Later)]
            if not left:
                break
            await self.calls.sleep(2.0**tried / 4)
        after = await self.sink.current({event.shopper_id for event in events} - report.failed.keys())
        for shopper_id, current in after.items():
            if current is not None:
                self._compare(report, shopper_id, profiles.get(shopper_id), current.properties)

    def _compare(
        self, report: Report, shopper_id: str, profile: Mapping[str, Any] | None, ours: Mapping[str, Any]
    ) -> None:
        theirs = (profile or {}).get("attributes", {}).get("properties") or {}
        lists = {name: set(value) for name, value in ours.items() if isinstance(value, list | tuple)}
        if any(lists[name] != set(theirs.get(name) or ()) for name in lists):
            report.mended.add(shopper_id)
        if any(set(theirs.get(name) or ()) - lists[name] for name in lists):
            report.lost_values.add(shopper_id)


def _rounds(events: Iterable[OutfitTagged]) -> Iterator[list[OutfitTagged]]:
    left = iter(events)
    while some := list(islice(left, ROUND)):
        yield some


def _first_of_each_shopper(events: Iterable[OutfitTagged]) -> Iterator[OutfitTagged]:
    seen: set[str] = set()
    for event in events:
        if event.shopper_id not in seen:
            seen.add(event.shopper_id)
            yield event


def _note(report: Report, shopper_id: str, outcome: Written | Failure) -> None:
    if isinstance(outcome, Written):
        report.failed.pop(shopper_id, None)
        if outcome.outcome == "forgotten":
            report.forgotten.add(shopper_id)
    else:
        report.failed[shopper_id] = outcome.reason
