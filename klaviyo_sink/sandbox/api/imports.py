"""
Import jobs: many profiles at once, checked together, processed later.

A bad address rejects the whole job with a pointer. A fault that only shows in processing (an unknown id, a row with
identifiers of two profiles) becomes an import error.
"""

import uuid
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError, invalid, not_found
from klaviyo_sink.sandbox.account.account import Account, ConflictError
from klaviyo_sink.sandbox.account.jobs import ImportJob
from klaviyo_sink.sandbox.account.membership import join
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, read_body
from klaviyo_sink.sandbox.api.writes import LARGEST_PROFILE, check_attributes, check_named, given, patch_of
from klaviyo_sink.sandbox.automation.engine import on_change, on_join
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import import_job_json, list_json
from klaviyo_sink.sandbox.resources.people import profile_json
from klaviyo_sink.sandbox.shapes.imports import ImportJobRequest
from klaviyo_sink.sandbox.shapes.profiles import ImportProfile

#: Most rows of one job (openapi 2026-07-15).
MOST: Final = 10_000
_ROWS: Final = "/data/attributes/profiles/data"

router = APIRouter(route_class=KlaviyoRoute)


@router.post("/api/profile-bulk-import-jobs")
async def bulk_import_profiles(request: Request) -> JSONResponse:
    """Start a job: 202 with its id."""
    data = (await read_body(request, ImportJobRequest)).data
    rows = data.attributes.profiles.data
    if not 1 <= len(rows) <= MOST:
        raise RefusedError(400, invalid(_ROWS, "Send 1 to 10000 profiles."))
    _check(rows)
    account = account_of(request)
    groups = tuple(one.id for one in (data.relationships.lists.data or [])) if _has_lists(data) else ()
    for at, group in enumerate(groups):
        if group not in account.lists:
            raise not_found("A list with this id does not exist.", f"/data/relationships/lists/data/{at}/id")
    job = ImportJob(uuid.uuid4().hex[:26], len(rows), account.now(), groups, end=account.next_import)
    account.next_import = "complete"
    account.imports[job.id] = job
    if job.end == "complete":
        _work(account, job, rows)
    return answer_one(request, import_job_json(job, str(request.base_url)), status=202)


@router.get("/api/profile-bulk-import-jobs")
async def get_bulk_import_profiles_jobs(request: Request) -> JSONResponse:
    """List the jobs."""
    kept = (one for one in account_of(request).imports.values() if one.status != "expired")
    return answer_page(request, (import_job_json(one, str(request.base_url)) for one in kept))


@router.get("/api/profile-bulk-import-jobs/{job_id}")
async def get_bulk_import_profiles_job(request: Request, job_id: str) -> JSONResponse:
    """Read a job; each request moves it to its next status."""
    account, base = account_of(request), str(request.base_url)
    job = _job(account, job_id)
    if job.look() == "expired":
        raise not_found("A job with this id does not exist.")
    related = {"lists": lambda _row: [list_json(account.lists[one], base) for one in job.list_ids]}
    return answer_one(request, import_job_json(job, base), related=related)


@router.get("/api/profile-bulk-import-jobs/{id}/import-errors")
async def get_errors_for_bulk_import_profiles_job(request: Request, id: str) -> JSONResponse:  # noqa: A002 - official
    """Read the errors of a job, 20 per page by default."""
    return answer_page(request, _job(account_of(request), id).errors)


@router.get("/api/profile-bulk-import-jobs/{id}/profiles")
async def get_profiles_for_bulk_import_profiles_job(request: Request, id: str) -> JSONResponse:  # noqa: A002 - official
    """Read the profiles that a job wrote."""
    account, base = account_of(request), str(request.base_url)
    ids = dict.fromkeys(_job(account, id).profile_ids)
    return answer_page(
        request, (profile_json(account, account.profiles[one], base) for one in ids if one in account.profiles)
    )


def _has_lists(data: Any) -> bool:
    return data.relationships is not None and data.relationships.lists is not None


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
        # A bulk import ignores nulls, which a single import reads as "clear".
        attributes = {name: value for name, value in given(row.attributes).items() if value is not None}
        if row.id is not None and row.id not in account.profiles:
            job.errors.append(_error(index, "not_found", "A profile with this id does not exist.", attributes))
            continue
        try:
            profile, _made = account.upsert(row.id, attributes, patch_of(row.meta))
        except ConflictError:
            job.errors.append(_error(index, "duplicate_profile", "The identifiers name two profiles.", attributes))
            continue
        job.profile_ids.append(profile.id)
        for group in job.list_ids:
            if join(account, account.lists[group], profile):
                on_join(account, group, profile)
    on_change(account, *(account.profiles[one] for one in dict.fromkeys(job.profile_ids)))


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


def _job(account: Account, job_id: str) -> ImportJob:
    job = account.imports.get(job_id)
    if job is None:
        raise not_found("A job with this id does not exist.")
    return job
