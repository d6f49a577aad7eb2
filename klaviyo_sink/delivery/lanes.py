"""
The two ways to send to Klaviyo: one request per row, or one job for up to 1,000. Returns the result of each row.

Single requests trigger a flow sooner and cost one request each. A job costs one of 150 per minute, whatever its number
of rows, so above `BREAK_EVEN` rows it is better (150 against 3,500 per minute, openapi 2026-07-15). Right before
sending, after every wait, each row is checked: rows of forgotten shoppers and of overtaken writes are not sent. The
order of events does not matter, because a shopper's rows all carry the same state.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from klaviyo_sink.api.client import Accepted, KlaviyoClient, RowsRefused
from klaviyo_sink.api.errors import PROFILE_NOT_FOUND, Failure
from klaviyo_sink.bodies import bulk_events_body
from klaviyo_sink.budget import Budget
from klaviyo_sink.delivery.gone import GoneProfiles
from klaviyo_sink.delivery.imports import MOST as IMPORT_MOST
from klaviyo_sink.delivery.imports import FindCurrent, Imports
from klaviyo_sink.delivery.jobs import UNSENT, Job, Jobs, fault_now, refused_now, traces_of
from klaviyo_sink.delivery.refusals import unsendable_name
from klaviyo_sink.delivery.results import Delivered, LaneName, RowResult, unbuildable
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.delivery.waiting import all_finished
from klaviyo_sink.limits import MINUTE_S, PUBLISHED, SPEND
from schemas.outcomes import Never

#: Pending uploads from which a job uses the limits better: 3,500 / 150 per minute.
BREAK_EVEN: Final = 24
#: Most single events per second that the limit allows for a whole minute. Above that rate all events go as jobs: single
#: requests would use up the minute's limit in a burst, and cost this process several times a job's time.
SINGLES_PER_S: Final = PUBLISHED["POST /api/events"][1] * SPEND / MINUTE_S
#: The single lane closes when the expected uploads would keep it busy for this many seconds. Without further uploads
#: it opens again after as long.
BURST_S: Final = 1.0
#: Profiles from which an import job is better: 750 / 150 per minute.
IMPORT_BREAK_EVEN: Final = 6
#: Most concurrent jobs. If Klaviyo or the network is slow, more would arrive in one burst.
JOBS_AT_ONCE: Final = 4
#: Most events of one job (openapi 2026-07-15).
BULK_MOST: Final = 1000

EVENTS: Final = "POST /api/events"
JOBS: Final = "POST /api/event-bulk-create-jobs"
IMPORT: Final = "POST /api/profile-import"


class Lanes:
    """Sends rows within the budget."""

    def __init__(self, client: KlaviyoClient, budget: Budget, find_current: FindCurrent) -> None:
        self._client, self._budget, self._find_current = client, budget, find_current
        self._gone = GoneProfiles(client, budget)
        self._single_reopens = 0.0
        #: Until when the single lane would be busy with the expected uploads, at `SINGLES_PER_S`.
        self._busy_until = 0.0
        self._sending = asyncio.Semaphore(JOBS_AT_ONCE)
        imports = Imports(client, budget, find_current)
        self._jobs = Jobs(self._send_job, _delivered, BULK_MOST, self._renamed)
        self._imports = Jobs(imports.send, imports.finish, IMPORT_MOST, self._renamed)

    def single_open(self) -> bool:
        """Whether the single lane has requests left, as far as this process knows, and manages the current rate."""
        now = asyncio.get_running_loop().time()
        return now >= self._single_reopens and self._busy_until - now < BURST_S

    def expect(self, count: int) -> None:
        """Record that `count` uploads are about to be sent, by either lane."""
        now = asyncio.get_running_loop().time()
        self._busy_until = min(max(self._busy_until, now) + count / SINGLES_PER_S, now + 2 * BURST_S)

    async def send_events(self, rows: Sequence[Row], lane: LaneName) -> dict[str, RowResult]:
        """Send uploads; return results by the events' names. Rows beyond the single lane's requests go in a job."""
        rows = self._by_known_names(rows)
        singles = 0
        if lane == "single":
            grant = await self._budget.ask(EVENTS, len(rows))
            singles = grant.slots
            if singles < len(rows):
                self._single_reopens = asyncio.get_running_loop().time() + grant.wait_s
        by_lane = await all_finished((self._each(rows[:singles]), self._jobs.run(rows[singles:])))
        return by_lane[0] | by_lane[1]

    async def send_states(self, rows: Sequence[Row]) -> dict[str, RowResult]:
        """Send states without events, at most one per shopper; return results by shopper."""
        rows = self._by_known_names(rows)
        if len(rows) >= IMPORT_BREAK_EVEN:
            return await self._imports.run(rows)
        for _ in rows:
            await self._budget.wait(IMPORT)
        return await self._each(rows)

    async def _each(self, rows: Sequence[Row]) -> dict[str, RowResult]:
        """Send each row in its own request; a shopper's rows one after the other."""
        shoppers: dict[str, list[Row]] = {}
        for row in rows:
            shoppers.setdefault(row.event.shopper_id, []).append(row)
        results: dict[str, RowResult] = {}

        async def send_in_order(mine: list[Row]) -> None:
            for row in mine:
                results[row.key] = await self._one(row)

        await all_finished(send_in_order(mine) for mine in shoppers.values())
        return results

    async def _one(self, row: Row) -> RowResult:
        while True:
            result = await self._send(row)
            if not (isinstance(result, Never) and result.reason == PROFILE_NOT_FOUND):
                return result
            renamed = await self._renamed(row)
            if not isinstance(renamed, Row):
                return renamed
            row = renamed
            await self._budget.wait(EVENTS if row.with_event else IMPORT)

    async def _send(self, row: Row) -> RowResult:
        """Send one row, unless its shopper was forgotten or its write was overtaken."""

        async def body() -> bytes | Failure:
            fault = fault_now(row, await self._find_current({row.event.shopper_id}))
            if fault is not None:
                return UNSENT[fault]
            try:
                return row.single()
            except ValidationError as error:
                return unbuildable(error)

        send = self._client.create_event if row.with_event else self._client.import_profile
        answer = await send(body, by_profile_id=row.name[0] == "id", trace=row.trace)
        return Delivered("single") if isinstance(answer, Accepted) else answer

    async def _send_job(self, job: Job) -> Accepted | RowsRefused | Failure:
        async def body() -> bytes | RowsRefused:
            refused = refused_now(job, await self._find_current({piece.row.event.shopper_id for piece in job}))
            return refused or bulk_events_body([piece.wire for piece in job])

        by_id = any(piece.row.name[0] == "id" for piece in job)
        async with self._sending:
            await self._budget.wait(JOBS)
            return await self._client.create_events(body, by_profile_id=by_id, traces=traces_of(job))

    def _by_known_names(self, rows: Sequence[Row]) -> list[Row]:
        """Switch rows to the next identifier if their profile id is known to be gone."""
        return [self._by_known_name(row) for row in rows]

    def _by_known_name(self, row: Row) -> Row:
        name, value = row.name
        other = row.by_next_name() if name == "id" and self._gone.remembers(value) else None
        # A row that cannot be sent with the next identifier keeps this one, fails, and reports why.
        return row if other is None or unsendable_name(*other.name) else other

    async def _renamed(self, row: Row) -> Row | Failure:
        """Return the row with the shopper's next identifier, once it is confirmed that the profile id is gone."""
        name, value = row.name
        if name == "id" and (denied := await self._gone.confirm(value)) is not None:
            return denied
        other = row.by_next_name()
        if other is None:
            return Never(PROFILE_NOT_FOUND, "Klaviyo no longer knows this profile id, and the event has no other")
        return unsendable_name(*other.name) or other


async def _delivered(job: Job, _begun: Accepted) -> dict[str, RowResult]:
    return {piece.row.key: Delivered("bulk") for piece in job}
