"""
The ways to Klaviyo: one request per row, or one job for up to 1,000. Answers say of each row what became of it.

Singles are quicker to trigger a flow and cost one request each; a job costs one of 150 a minute however many rows it
carries, so above `BREAK_EVEN` rows it wins (150/m against 3,500/m, openapi 2026-07-15). Knows no database but the
budget, and no order of events: a shopper's rows all carry the same, newest state.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from klaviyo_sink.answers import Answer, LaneName, Taken, unbuildable
from klaviyo_sink.bodies import bulk_events_body
from klaviyo_sink.budget import Budget
from klaviyo_sink.client import Accepted, KlaviyoClient, RowsRefused
from klaviyo_sink.errors import Failure
from klaviyo_sink.imports import MOST as IMPORT_MOST
from klaviyo_sink.imports import Imports
from klaviyo_sink.jobs import Jobs, Piece
from klaviyo_sink.rows import Row
from schemas.outcomes import Never

#: Pending uploads from which a job is the better use of the limits: 3,500 / 150 a minute.
BREAK_EVEN: Final = 24
#: Profiles from which an import job is: 750 / 150 a minute.
IMPORT_BREAK_EVEN: Final = 6
#: Events of one job (openapi 2026-07-15).
BULK_MOST: Final = 1000
#: Profile ids known to be gone that are remembered, so that they cost one failed request and not one each time.
MOST_GONE: Final = 10_000

EVENTS: Final = "POST /api/events"
JOBS: Final = "POST /api/event-bulk-create-jobs"
IMPORT: Final = "POST /api/profile-import"


class Lanes:
    """Sends rows within the budget."""

    def __init__(self, client: KlaviyoClient, budget: Budget) -> None:
        self._client, self._budget = client, budget
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._single_reopens = 0.0
        imports = Imports(client, budget)
        self._jobs = Jobs(self._send_job, _taken, BULK_MOST, self._next_name)
        self._imports = Jobs(imports.send, imports.finish, IMPORT_MOST, self._next_name)

    def single_open(self) -> bool:
        """Whether the single lane has requests left, as far as is known here."""
        return asyncio.get_running_loop().time() >= self._single_reopens

    async def send_events(self, rows: Sequence[Row], lane: LaneName) -> list[Answer]:
        """Send uploads. The single lane hands what it has no requests for to a job."""
        rows = [self._by_known_name(row) for row in rows]
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
        rows = [self._by_known_name(row) for row in rows]
        if len(rows) >= IMPORT_BREAK_EVEN:
            return await self._imports.run(rows)
        for _ in rows:
            await self._budget.wait(IMPORT)
        return await self._each(rows)

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
        answer = await send(body, by_profile_id=row.name[0] == "id")
        if isinstance(answer, Accepted):
            return Taken("single")
        other = self._next_name(row) if isinstance(answer, Never) and answer.reason == "profile-not-found" else None
        if other is None:
            return answer
        await self._budget.wait(EVENTS if row.with_event else IMPORT)
        return await self._one(other)

    async def _send_job(self, job: Sequence[Piece]) -> Accepted | RowsRefused | Failure:
        await self._budget.wait(JOBS)
        by_id = any(piece.row.name[0] == "id" for piece in job)
        return await self._client.create_events(bulk_events_body([piece.wire for piece in job]), by_profile_id=by_id)

    def _by_known_name(self, row: Row) -> Row:
        other = row.by_next_name() if row.name[0] == "id" and row.name[1] in self._gone else None
        return row if other is None else other

    def _next_name(self, row: Row) -> Row | None:
        self._gone[row.name[1]] = None
        if len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)
        return row.by_next_name()


async def _taken(job: Sequence[Piece], _begun: Accepted) -> dict[int, Answer]:
    return {piece.at: Taken("bulk") for piece in job}
