"""
Runs import jobs to their end: Klaviyo answers 202 and processes the rows later.

A job ends as `complete` (with one error per refused row, in pages), as `cancelled`, or by expiring. Source:
openapi 2026-07-15, developers.klaviyo.com "Use Klaviyo's bulk profile import API".
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from klaviyo_sink.api.client import Accepted, KlaviyoClient, RowsRefused
from klaviyo_sink.api.errors import Failure, read_errors
from klaviyo_sink.api.row_errors import refused_rows
from klaviyo_sink.bodies import bulk_import_body
from klaviyo_sink.budget import Budget
from klaviyo_sink.delivery.jobs import Job, refused_now, traces_of
from klaviyo_sink.delivery.results import Delivered, RowResult
from klaviyo_sink.state.settling import Current
from schemas.outcomes import Later, Never

POST: Final = "POST /api/profile-bulk-import-jobs"
JOB: Final = "/api/profile-bulk-import-jobs/{job_id}"
ERRORS: Final = "/api/profile-bulk-import-jobs/{id}/import-errors"
#: Most rows of one job.
MOST: Final = 10_000
#: Shortest and longest time in seconds between two checks of a job; it doubles in between.
LOOKS_S: Final = (0.2, 15.0)
#: Checks of one job, about an hour, before it is started again: importing a state twice does no harm.
MOST_LOOKS: Final = 240
#: Tries of a job whose failed rows are unknown.
UNCLEAR_TRIES: Final = 5


#: Returns shoppers' newest states: None for forgotten shoppers, no entry for shoppers without a row.
FindCurrent = Callable[[Collection[str]], Awaitable[Mapping[str, Current | None]]]


@dataclass(frozen=True, slots=True)
class Imports:
    """Sends import jobs and waits for them."""

    client: KlaviyoClient
    budget: Budget
    find_current: FindCurrent
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def send(self, job: Job) -> Accepted | RowsRefused | Failure:
        """Start a job."""

        async def body() -> bytes | RowsRefused:
            refused = refused_now(job, await self.find_current({piece.row.event.shopper_id for piece in job}))
            return refused or bulk_import_body([piece.wire for piece in job])

        await self.budget.wait(POST)
        by_id = any(piece.row.name[0] == "id" for piece in job)
        return await self.client.import_profiles(body, by_profile_id=by_id, traces=traces_of(job))

    async def finish(self, job: Job, begun: Accepted) -> dict[str, RowResult]:
        """Wait for the end of a job; return the results by row."""
        job_id = str(begun.content["data"]["id"])
        pause, longest = LOOKS_S
        for _ in range(MOST_LOOKS):
            await self.sleep(pause)
            pause = min(pause * 2, longest)
            await self.budget.wait(f"GET {JOB}")
            seen = await self.client.call("GET", JOB, names={"job_id": job_id}, by_profile_id=True)
            if isinstance(seen, Later):
                continue
            if isinstance(seen, Never):
                return _all(job, Later("import-expired", "Klaviyo no longer knows the import job; sending it again"))
            if not isinstance(seen, Accepted):
                return _all(job, seen)
            attributes = seen.content["data"]["attributes"]
            if attributes.get("status") == "complete":
                return await self._completed(job, job_id, attributes)
            if attributes.get("status") == "cancelled":
                return _all(job, Later("import-cancelled", "Klaviyo cancelled the import job; sending it again"))
        return _all(job, Later("import-slow", "the import job does not end; sending it again"))

    async def _completed(self, job: Job, job_id: str, attributes: Mapping[str, Any]) -> dict[str, RowResult]:
        failed = int(attributes.get("failed_count") or 0)
        results: dict[str, RowResult] = {piece.row.key: Delivered("bulk") for piece in job}
        if not failed:
            return results
        errors = await self._all_errors(job_id)
        if not isinstance(errors, list):
            return _all(job, errors)
        refused = refused_rows(errors)
        for index, (fault, sentence) in refused.items():
            if index < len(job):
                results[job[index].row.key] = Never(fault.value, sentence)
        if len(refused) < failed:
            lost = Later("import-unclear", "Klaviyo does not report which rows failed", tries=UNCLEAR_TRIES)
            return {key: lost if isinstance(one, Delivered) else one for key, one in results.items()}
        return results

    async def _all_errors(self, job_id: str) -> list[Any] | Failure:
        errors: list[Any] = []
        query = {"page[size]": "100"}
        while True:
            await self.budget.wait(f"GET {ERRORS}")
            page = await self.client.call("GET", ERRORS, names={"id": job_id}, query=query, by_profile_id=True)
            if not isinstance(page, Accepted):
                return page
            errors += read_errors([one.get("attributes") for one in page.content["data"]])
            cursor = cursor_after(page.content)
            if cursor is None:
                return errors
            query["page[cursor]"] = cursor


def cursor_after(page: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page; None if there is none."""
    link = (page.get("links") or {}).get("next")
    found = parse_qs(urlsplit(str(link)).query).get("page[cursor]") if link else None
    return found[0] if found else None


def _all(job: Job, result: RowResult) -> dict[str, RowResult]:
    return {piece.row.key: result for piece in job}
