"""
Many rows as few jobs: cut to size, with what is refused taken out and the rest sent again.

Klaviyo takes all rows of a job or none. Rows it points at are taken out; where it points at none, or the body is too
large, the job is halved until the row is found. Knows no endpoint: it is handed a way to send.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from klaviyo_sink.api.client import Accepted, RowsRefused
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.api.row_errors import Fault
from klaviyo_sink.delivery.answers import Answer, Taken, unbuildable
from klaviyo_sink.delivery.rows import Row
from schemas.outcomes import Later, Never
from schemas.spans import TraceHeaders

#: Bytes of a job's body; Klaviyo takes 5 MB (openapi 2026-07-15).
MOST_BYTES: Final = 4_500_000


#: Tried again, which then finds the shopper in the ledger.
FORGOTTEN: Final = Later("forgotten", "the shopper was forgotten while this waited for Klaviyo's limits")
#: Asks the ledger which of these shoppers were forgotten.
Forgotten = Callable[[Collection[str]], Awaitable[set[str]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A row in a job: its place among all rows, and its bytes."""

    at: int
    row: Row
    wire: bytes


def traces_of(job: Sequence[Piece]) -> list[TraceHeaders]:
    """Give what led to each row."""
    return [piece.row.trace for piece in job]


async def without_forgotten(job: Sequence[Piece], forgotten: Forgotten) -> RowsRefused | None:
    """Refuse the rows whose shoppers were forgotten meanwhile, None where there are none: asked after any wait."""
    gone = await forgotten({piece.row.event.shopper_id for piece in job})
    rows = {at: (Fault.FORGOTTEN, "") for at, piece in enumerate(job) if piece.row.event.shopper_id in gone}
    return RowsRefused(rows) if rows else None


#: Sends a job's rows.
Send = Callable[[Sequence[Piece]], Awaitable[Accepted | RowsRefused | Failure]]
#: Says what became of the rows of an accepted job.
Finish = Callable[[Sequence[Piece], Accepted], Awaitable[dict[int, Answer]]]


@dataclass(frozen=True, slots=True)
class Jobs:
    """Sends rows through one kind of job."""

    send: Send
    finish: Finish
    #: Rows of one job.
    most: int
    #: Names a shopper anew whose profile id is gone.
    rename: Callable[[Row], Row | None]

    async def run(self, rows: Sequence[Row]) -> list[Answer]:
        """Send all rows; answers in their order."""
        answers: dict[int, Answer] = {}
        job: list[Piece] = []
        size = 0
        for at, row in enumerate(rows):
            try:
                piece = Piece(at, row, row.bulk())
            except ValidationError as error:
                answers[at] = unbuildable(error)
                continue
            if len(job) == self.most or size + len(piece.wire) > MOST_BYTES:
                answers |= await self._job(job)
                job, size = [], 0
            job.append(piece)
            size += len(piece.wire) + 1
        answers |= await self._job(job)
        return [answers[at] for at in range(len(rows))]

    async def _job(self, job: Sequence[Piece]) -> dict[int, Answer]:
        if not job:
            return {}
        answer = await self.send(job)
        if isinstance(answer, Accepted):
            return await self._finished(job, await self.finish(job, answer))
        if isinstance(answer, RowsRefused) and any(index < len(job) for index in answer.rows):
            return await self._without(job, answer)
        if not isinstance(answer, Never | RowsRefused):
            return {piece.at: answer for piece in job}
        if len(job) == 1:
            never = answer if isinstance(answer, Never) else Never("refused", "Klaviyo refused a row that was not sent")
            return {job[0].at: never}
        middle = len(job) // 2
        return await self._job(job[:middle]) | await self._job(job[middle:])

    async def _finished(self, job: Sequence[Piece], answers: dict[int, Answer]) -> dict[int, Answer]:
        """Send rows anew, by the next name, whose profile a job did not find."""
        others: list[Piece] = []
        for piece in job:
            answer = answers[piece.at]
            gone = isinstance(answer, Never) and answer.reason == Fault.UNKNOWN_PROFILE.value
            other = self.rename(piece.row) if gone else None
            if other is not None:
                others.append(Piece(piece.at, other, other.bulk()))
        return answers | await self._job(others)

    async def _without(self, job: Sequence[Piece], refused: RowsRefused) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        rest: list[Piece] = []
        for index, piece in enumerate(job):
            fault, sentence = refused.rows.get(index, (None, ""))
            other = self.rename(piece.row) if fault is Fault.UNKNOWN_PROFILE else None
            if fault is None:
                rest.append(piece)
            elif other is not None:
                rest.append(Piece(piece.at, other, other.bulk()))
            elif fault is Fault.FORGOTTEN:
                answers[piece.at] = FORGOTTEN
            elif fault is Fault.REPEATED:
                answers[piece.at] = Taken("bulk", before=True)
            else:
                answers[piece.at] = Never(fault.value, sentence)
        return answers | await self._job(rest)
