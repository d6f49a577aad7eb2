"""
Sends many rows in few jobs. Refused rows are removed and the rest is sent again.

Klaviyo accepts all rows of a job or none. Rows that it points at are removed. If it points at none, or the body is too
large, the job is halved until the row is found. Knows no endpoint: the caller passes the function that sends.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from klaviyo_sink.api.client import Accepted, RowsRefused
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.api.row_errors import Fault
from klaviyo_sink.delivery.results import FORGOTTEN, OVERTAKEN, Delivered, RowResult, unbuildable
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.delivery.waiting import all_finished
from klaviyo_sink.state.settling import Current
from schemas.outcomes import Never
from schemas.spans import TraceHeaders

#: Most bytes of a job's body; Klaviyo accepts 5 MB (openapi 2026-07-15).
MOST_BYTES: Final = 4_500_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A row in a job, and its bytes."""

    row: Row
    wire: bytes


Job = Sequence[Piece]
#: The results of rows that Hangtag itself does not send.
UNSENT: Final = {Fault.FORGOTTEN: FORGOTTEN, Fault.OVERTAKEN: OVERTAKEN}


def traces_of(job: Job) -> list[TraceHeaders]:
    """Return the trace headers of each row."""
    return [piece.row.trace for piece in job]


def fault_now(row: Row, current: Mapping[str, Current | None]) -> Fault | None:
    """
    Return why a row must not be sent now; None if it may. Call it after any wait.

    `current` has None for forgotten shoppers. While a shopper's row has this write's ticket, its state is the newest.
    """
    if row.event.shopper_id not in current:
        return None
    found = current[row.event.shopper_id]
    if found is None:
        return Fault.FORGOTTEN
    return None if found.dirty == row.ticket else Fault.OVERTAKEN


def refused_now(job: Job, current: Mapping[str, Current | None]) -> RowsRefused | None:
    """Return the rows that must not be sent now as refused; None if all may be sent. Call it after any wait."""
    found = {at: (fault, "") for at, piece in enumerate(job) if (fault := fault_now(piece.row, current)) is not None}
    return RowsRefused(found) if found else None


#: Sends a job's rows.
Send = Callable[[Job], Awaitable[Accepted | RowsRefused | Failure]]
#: Returns the results of an accepted job's rows, by their keys.
Finish = Callable[[Job, Accepted], Awaitable[dict[str, RowResult]]]
#: Returns the row with the shopper's next identifier after a profile id is gone, or why the row fails.
Rename = Callable[[Row], Coroutine[Any, Any, Row | Failure]]


@dataclass(frozen=True, slots=True)
class Jobs:
    """Sends rows through one kind of job."""

    send: Send
    finish: Finish
    #: Most rows of one job.
    most: int
    rename: Rename

    async def run(self, rows: Sequence[Row]) -> dict[str, RowResult]:
        """Send all rows; return the results by their keys."""
        jobs, results = self._cut(rows)
        waiting = deque(jobs)
        while waiting:
            ended, rest = await self._job(waiting.popleft())
            results |= ended
            waiting.extendleft(job for job in reversed(rest) if job)
        return results

    def _cut(self, rows: Sequence[Row]) -> tuple[list[Job], dict[str, RowResult]]:
        """Split rows into jobs. Also return the results of rows that cannot be written."""
        jobs: list[Job] = []
        results: dict[str, RowResult] = {}
        job: list[Piece] = []
        size = 0
        for row in rows:
            try:
                piece = Piece(row, row.bulk())
            except ValidationError as error:
                results[row.key] = unbuildable(error)
                continue
            if job and (len(job) == self.most or size + len(piece.wire) > MOST_BYTES):
                jobs.append(job)
                job, size = [], 0
            job.append(piece)
            size += len(piece.wire) + 1
        return [*jobs, job] if job else jobs, results

    async def _job(self, job: Job) -> tuple[dict[str, RowResult], list[Job]]:
        """Send one job. Return the results of rows that are finished, and the jobs that must follow."""
        answer = await self.send(job)
        if isinstance(answer, Accepted):
            return await self._accepted(job, await self.finish(job, answer))
        if isinstance(answer, RowsRefused) and any(index < len(job) for index in answer.rows):
            return await self._without(job, answer)
        if not isinstance(answer, Never | RowsRefused):
            return {piece.row.key: answer for piece in job}, []
        if len(job) == 1:
            never = answer if isinstance(answer, Never) else Never("refused", "Klaviyo refused a row that was not sent")
            return {job[0].row.key: never}, []
        middle = len(job) // 2
        return {}, [job[:middle], job[middle:]]

    async def _accepted(self, job: Job, results: dict[str, RowResult]) -> tuple[dict[str, RowResult], list[Job]]:
        """Return a job of the rows whose profile was not found, now with the next identifier."""
        unknown = [piece for piece in job if _is_unknown_profile(results[piece.row.key])]
        failed, renamed = await self._renamed(unknown)
        return results | failed, [renamed]

    async def _without(self, job: Job, refused: RowsRefused) -> tuple[dict[str, RowResult], list[Job]]:
        results: dict[str, RowResult] = {}
        rest: list[Piece] = []
        unknown: list[Piece] = []
        for index, piece in enumerate(job):
            fault, sentence = refused.rows.get(index, (None, ""))
            match fault:
                case None:
                    rest.append(piece)
                case Fault.UNKNOWN_PROFILE:
                    unknown.append(piece)
                case Fault.FORGOTTEN | Fault.OVERTAKEN:
                    results[piece.row.key] = UNSENT[fault]
                case Fault.REPEATED:
                    results[piece.row.key] = Delivered("bulk", repeated=True)
                case _:
                    results[piece.row.key] = Never(fault.value, sentence)
        failed, renamed = await self._renamed(unknown)
        return results | failed, [[*rest, *renamed]]

    async def _renamed(self, pieces: Job) -> tuple[dict[str, RowResult], list[Piece]]:
        """Switch rows to the next identifier. Return the results of those without one, and the other rows."""
        others = await all_finished(self.rename(piece.row) for piece in pieces)
        failed: dict[str, RowResult] = {}
        renamed: list[Piece] = []
        for piece, other in zip(pieces, others, strict=True):
            try:
                if isinstance(other, Row):
                    renamed.append(Piece(other, other.bulk()))
                else:
                    failed[piece.row.key] = other
            except ValidationError as error:
                failed[piece.row.key] = unbuildable(error)
        return failed, renamed


def _is_unknown_profile(result: RowResult) -> bool:
    return isinstance(result, Never) and result.reason == Fault.UNKNOWN_PROFILE.value
