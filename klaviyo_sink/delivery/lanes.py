"""
The ways to Klaviyo: one request per row, or one job for up to 1,000. Answers say of each row what became of it.

Singles are quicker to trigger a flow and cost one request each; a job costs one of 150 a minute however many rows it
carries, so above `BREAK_EVEN` rows it wins (150/m against 3,500/m, openapi 2026-07-15). Knows no database but the
budget and the ledger of the forgotten, and no order of events: a shopper's rows all carry the same, newest state.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from klaviyo_sink.api.client import Accepted, KlaviyoClient, RowsRefused
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.bodies import bulk_events_body
from klaviyo_sink.budget import Budget
from klaviyo_sink.delivery.answers import Answer, LaneName, Taken, unbuildable
from klaviyo_sink.delivery.imports import MOST as IMPORT_MOST
from klaviyo_sink.delivery.imports import Imports
from klaviyo_sink.delivery.jobs import FORGOTTEN, Forgotten, Jobs, Piece, traces_of, without_forgotten
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.limits import MINUTE_S, PUBLISHED, SPEND
from schemas.outcomes import Never

#: Pending uploads from which a job is the better use of the limits: 3,500 / 150 a minute.
BREAK_EVEN: Final = 24
#: Single events a second that last the whole minute. While more than that come, all go as jobs: singles would spend
#: the minute's requests in a burst, and cost this process several times a job's time.
SINGLES_PER_S: Final = PUBLISHED["POST /api/events"][1] * SPEND / MINUTE_S
#: Seconds of singles that may come at once; jobs are left again after as long without more.
BURST_S: Final = 1.0
#: Profiles from which an import job is: 750 / 150 a minute.
IMPORT_BREAK_EVEN: Final = 6
#: Jobs on their way at the same time: where Klaviyo or the way there is slow, more would arrive in one bunch.
JOBS_AT_ONCE: Final = 4
#: Events of one job (openapi 2026-07-15).
BULK_MOST: Final = 1000
#: Profile ids known to be gone that are remembered, so that they cost one failed request and not one each time.
MOST_GONE: Final = 10_000

EVENTS: Final = "POST /api/events"
JOBS: Final = "POST /api/event-bulk-create-jobs"
IMPORT: Final = "POST /api/profile-import"


class Lanes:
    """Sends rows within the budget."""

    def __init__(self, client: KlaviyoClient, budget: Budget, forgotten: Forgotten) -> None:
        self._client, self._budget, self._forgotten = client, budget, forgotten
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._single_reopens = 0.0
        #: Until when singles would be busy with what came, at their pace.
        self._busy_until = 0.0
        self._sending = asyncio.Semaphore(JOBS_AT_ONCE)
        imports = Imports(client, budget, forgotten)
        self._jobs = Jobs(self._send_job, _taken, BULK_MOST, self._next_name)
        self._imports = Jobs(imports.send, imports.finish, IMPORT_MOST, self._next_name)

    def single_open(self) -> bool:
        """Whether the single lane has requests left, as far as is known here, and would have at this pace."""
        now = asyncio.get_running_loop().time()
        return now >= self._single_reopens and self._busy_until - now < BURST_S

    def expect(self, count: int) -> None:
        """Hear that so many uploads are on their way here, whatever lane they take."""
        now = asyncio.get_running_loop().time()
        self._busy_until = min(max(self._busy_until, now) + count / SINGLES_PER_S, now + 2 * BURST_S)

    async def send_events(self, rows: Sequence[Row], lane: LaneName) -> list[Answer]:
        """Send uploads. The single lane hands what it has no requests for to a job."""
        rows = self._by_known_names(rows)
        given = 0
        if lane == "single":
            grant = await self._budget.ask(EVENTS, len(rows))
            given = grant.slots
            if given < len(rows):
                self._single_reopens = asyncio.get_running_loop().time() + grant.wait_s
        answered, in_jobs = await asyncio.gather(self._each(rows[:given]), self._jobs.run(rows[given:]))
        return [*answered, *in_jobs]

    async def send_states(self, rows: Sequence[Row]) -> list[Answer]:
        """Send states without events, at most one for a shopper."""
        rows = self._by_known_names(rows)
        if len(rows) >= IMPORT_BREAK_EVEN:
            return await self._imports.run(rows)
        for _ in rows:
            await self._budget.wait(IMPORT)
        gone = await self._forgotten({row.event.shopper_id for row in rows})
        known = [row for row in rows if row.event.shopper_id not in gone]
        answers = dict(zip((row.event.shopper_id for row in known), await self._each(known), strict=True))
        return [answers.get(row.event.shopper_id, FORGOTTEN) for row in rows]

    async def _each(self, rows: Sequence[Row]) -> list[Answer]:
        """Send each row by itself, a shopper's one after the other."""
        shoppers: dict[str, list[int]] = {}
        for at, row in enumerate(rows):
            shoppers.setdefault(row.event.shopper_id, []).append(at)
        answers: dict[int, Answer] = {}

        async def send_in_order(mine: list[int]) -> None:
            for at in mine:
                answers[at] = await self._one(rows[at])

        await asyncio.gather(*map(send_in_order, shoppers.values()))
        return [answers[at] for at in range(len(rows))]

    async def _one(self, row: Row) -> Answer:
        try:
            body = row.single()
        except ValidationError as error:
            return unbuildable(error)
        send = self._client.create_event if row.with_event else self._client.import_profile
        answer = await send(body, by_profile_id=row.name[0] == "id", trace=row.trace)
        if isinstance(answer, Accepted):
            return Taken("single")
        other = self._next_name(row) if isinstance(answer, Never) and answer.reason == "profile-not-found" else None
        if other is None:
            return answer
        await self._budget.wait(EVENTS if row.with_event else IMPORT)
        if await self._forgotten({row.event.shopper_id}):
            return FORGOTTEN
        return await self._one(other)

    async def _send_job(self, job: Sequence[Piece]) -> Accepted | RowsRefused | Failure:
        by_id = any(piece.row.name[0] == "id" for piece in job)
        body = bulk_events_body([piece.wire for piece in job])
        async with self._sending:
            await self._budget.wait(JOBS)
            if (refused := await without_forgotten(job, self._forgotten)) is not None:
                return refused
            return await self._client.create_events(body, by_profile_id=by_id, traces=traces_of(job))

    def _by_known_names(self, rows: Sequence[Row]) -> Sequence[Row]:
        if not self._gone:
            return rows
        return [(row.by_next_name() or row) if self._is_gone(row) else row for row in rows]

    def _is_gone(self, row: Row) -> bool:
        name, value = row.name
        return name == "id" and value in self._gone

    def _next_name(self, row: Row) -> Row | None:
        self._gone[row.name[1]] = None
        if len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)
        return row.by_next_name()


async def _taken(job: Sequence[Piece], _begun: Accepted) -> dict[int, Answer]:
    return {piece.at: Taken("bulk") for piece in job}
