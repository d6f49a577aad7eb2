"""
Import jobs: many profiles at once, checked together, worked on later.

A bad address refuses the whole job with a pointer. What only shows while working (an unknown id, two profiles named by
one row) becomes an import error. The rows are there at once; the status runs through its course as it is asked for.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from klaviyo_sink.sandbox.account import Account, ConflictError
from klaviyo_sink.sandbox.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.job_shapes import ImportJobRequest
from klaviyo_sink.sandbox.pages import page_of
from klaviyo_sink.sandbox.problems import MEDIA_TYPE, Problem, RefusedError, invalid, not_found
from klaviyo_sink.sandbox.profiles import LARGEST_PROFILE, check_attributes, check_named, given, patch_of
from klaviyo_sink.sandbox.shapes import ImportProfile

#: Rows of one job (openapi 2026-07-15).
MOST: Final = 10_000
_ROWS: Final = "/data/attributes/profiles/data"

router = APIRouter(route_class=KlaviyoRoute)
orders = APIRouter()


End = Literal["complete", "cancelled", "expired", "stuck"]


@dataclass(slots=True)
class ImportJob:
    """A job and how it goes."""

    id: str
    rows: int
    errors: list[dict[str, Any]] = field(default_factory=list)
    end: End = "complete"
    looks: int = 0

    def status(self) -> str:
        """Tell how far it is, one step further each time; a stuck one never ends."""
        self.looks += 1
        return "processing" if self.looks == 1 or self.end == "stuck" else self.end


class Ends(BaseModel):
    """An order: how the next job ends."""

    model_config = ConfigDict(extra="forbid")

    end: End


@orders.post("/sandbox/imports")
async def order_end(ends: Ends, request: Request) -> Ends:
    """Let the next import job end in another way; only a complete one imports anything."""
    account_of(request).next_import = ends.end
    return ends


@router.post("/api/profile-bulk-import-jobs")
async def bulk_import_profiles(request: Request) -> JSONResponse:
    """Begin a job: 202 with its id."""
    rows = (await read_body(request, ImportJobRequest)).data.attributes.profiles.data
    if not 1 <= len(rows) <= MOST:
        raise RefusedError(400, invalid(_ROWS, "Send 1 to 10000 profiles."))
    _check(rows)
    account = account_of(request)
    job = ImportJob(uuid.uuid4().hex[:26], len(rows), end=account.next_import)
    account.next_import = "complete"
    account.imports[job.id] = job
    if job.end == "complete":
        _work(account, job, rows)
    return JSONResponse({"data": _as_json(job, "queued")}, 202, media_type=MEDIA_TYPE)


@router.get("/api/profile-bulk-import-jobs/{job_id}")
async def get_job(request: Request, job_id: str) -> JSONResponse:
    """Look at a job."""
    job = _job(request, job_id)
    status = job.status()
    if status == "expired":
        raise not_found("A job with this id does not exist.")
    return JSONResponse({"data": _as_json(job, status)}, media_type=MEDIA_TYPE)


@router.get("/api/profile-bulk-import-jobs/{id}/import-errors")
async def get_errors(request: Request, id: str) -> JSONResponse:  # noqa: A002 - the name in the official path
    """Read what a job refused, 20 a page unless asked otherwise."""
    return page_of(_job(request, id).errors, request, default=20, largest=100)


def _check(rows: list[ImportProfile]) -> None:
    problems: list[Problem] = []
    for index, row in enumerate(rows):
        attributes = given(row.attributes)
        try:
            check_named(row.id, attributes, f"{_ROWS}/{index}")
            size = len(str(attributes).encode(errors="replace"))
            check_attributes(attributes, f"{_ROWS}/{index}/attributes", largest=LARGEST_PROFILE, size=size)
        except RefusedError as refused:
            problems += refused.problems
    if problems:
        raise RefusedError(400, *problems)


def _work(account: Account, job: ImportJob, rows: list[ImportProfile]) -> None:
    for index, row in enumerate(rows):
        # Bulk import ignores nulls, which a single import reads as "clear".
        attributes = {name: value for name, value in given(row.attributes).items() if value is not None}
        try:
            if row.id is not None and row.id not in account.profiles:
                job.errors.append(_error(index, "not_found", "A profile with this id does not exist.", attributes))
            else:
                account.upsert(row.id, attributes, patch_of(row.meta))
        except ConflictError:
            job.errors.append(_error(index, "duplicate_profile", "The identifiers name two profiles.", attributes))


def _error(index: int, code: str, detail: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "import-error",
        "id": str(uuid.uuid4()),
        "attributes": {
            "code": code,
            "title": "Invalid input.",
            "detail": detail,
            "source": {"pointer": f"{_ROWS}/{index}"},
            "original_payload": payload,
        },
    }


def _job(request: Request, job_id: str) -> ImportJob:
    job: ImportJob | None = account_of(request).imports.get(job_id)
    if job is None:
        raise not_found("A job with this id does not exist.")
    return job


def _as_json(job: ImportJob, status: str) -> dict[str, Any]:
    done = status == "complete"
    return {
        "type": "profile-bulk-import-job",
        "id": job.id,
        "attributes": {
            "status": status,
            "total_count": job.rows,
            "completed_count": job.rows - len(job.errors) if done else 0,
            "failed_count": len(job.errors) if done else 0,
        },
        "links": {"self": f"/api/profile-bulk-import-jobs/{job.id}"},
    }
