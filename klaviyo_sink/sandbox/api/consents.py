"""Giving and withdrawing consent, and suppressions. Only a person can consent; these requests act for one."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import RefusedError, invalid, not_modelled
from klaviyo_sink.sandbox.account.account import Account, ConflictError, new_id
from klaviyo_sink.sandbox.account.jobs import SuppressionJob
from klaviyo_sink.sandbox.account.membership import join
from klaviyo_sink.sandbox.account.profiles import Channel, Consent, StoredProfile, Suppression
from klaviyo_sink.sandbox.api.gate import KlaviyoRoute, account_of, found_at, read_body, read_json
from klaviyo_sink.sandbox.api.lists import list_named
from klaviyo_sink.sandbox.api.segments import segment_named
from klaviyo_sink.sandbox.api.writes import check_attributes, duplicate
from klaviyo_sink.sandbox.automation.conditions import members
from klaviyo_sink.sandbox.automation.engine import on_change, on_join
from klaviyo_sink.sandbox.automation.values import moment
from klaviyo_sink.sandbox.queries.answers import answer_one, answer_page
from klaviyo_sink.sandbox.resources.automations import suppression_job_json
from klaviyo_sink.sandbox.shapes.groups import SubscribeRequest, SuppressRequest, UnsubscribeRequest

J = TypeVar("J", SubscribeRequest, UnsubscribeRequest)

#: Most profiles of one job (openapi 2026-07-15).
MOST_SUBSCRIBED: Final = 1000
MOST_UNSUBSCRIBED: Final = 100
MOST_SUPPRESSED: Final = 100
_ROWS: Final = "/data/attributes/profiles/data"
_CHANNELS: Final[tuple[Channel, ...]] = ("email", "sms")
_UNMODELLED: Final = (
    ("whatsapp", "marketing"),
    ("whatsapp", "transactional"),
    ("whatsapp", "conversational"),
    ("push", "marketing"),
    ("sms", "transactional"),
    ("email", "open_tracking"),
)

router = APIRouter(route_class=KlaviyoRoute)


@router.post("/api/profile-subscription-bulk-create-jobs")
async def bulk_subscribe_profiles(request: Request) -> Response:
    """Record people's consent. This ends their suppressions, and adds them to the list if one is named."""
    data = (await _read(request, SubscribeRequest, MOST_SUBSCRIBED)).data
    account = account_of(request)
    group = _list(account, data.relationships)
    for at, row in enumerate(data.attributes.profiles.data):
        attributes = row.attributes.model_dump(include={"email", "phone_number"}, exclude_none=True)
        given = list(_channels(row.attributes.subscriptions, attributes, at))
        profile = _person(account, row.id, attributes, at)
        for channel, decision in given:
            consented = moment(decision.consented_at)
            if data.attributes.historical_import and (consented is None or consented > account.now()):
                where = f"{_ROWS}/{at}/attributes/subscriptions/{channel}/marketing/consented_at"
                raise RefusedError(400, invalid(where, "A historical import needs a consented_at in the past."))
            consent(account, profile, channel, consented_at=consented)
        if group is not None and join(account, group, profile) and not data.attributes.historical_import:
            on_join(account, group.id, profile)
        on_change(account, profile)
    return Response(status_code=202)


@router.post("/api/profile-subscription-bulk-delete-jobs")
async def bulk_unsubscribe_profiles(request: Request) -> Response:
    """Record that people unsubscribed. Without a list, or for a person who is not on it, this applies everywhere."""
    data = (await _read(request, UnsubscribeRequest, MOST_UNSUBSCRIBED)).data
    account = account_of(request)
    group = _list(account, data.relationships)
    for at, row in enumerate(data.attributes.profiles.data):
        attributes = row.attributes.model_dump(include={"email", "phone_number"}, exclude_none=True)
        refused = list(_channels(row.attributes.subscriptions, attributes, at))
        profile = _person(account, None, attributes, at)
        if group is None or group.members.pop(profile.id, None) is None:
            for channel, _said in refused:
                withdraw(account, profile, channel)
        on_change(account, profile)
    return Response(status_code=202)


@router.post("/api/profile-suppression-bulk-create-jobs")
async def bulk_suppress_profiles(request: Request) -> JSONResponse:
    """Suppress marketing e-mail to people, creating their profiles if necessary."""
    return await _suppressions(request, "create")


@router.post("/api/profile-suppression-bulk-delete-jobs")
async def bulk_unsuppress_profiles(request: Request) -> JSONResponse:
    """End what `bulk_suppress_profiles` began; people who unsubscribed stay unsubscribed."""
    return await _suppressions(request, "delete")


@router.get("/api/profile-suppression-bulk-create-jobs")
async def get_bulk_suppress_profiles_jobs(request: Request) -> JSONResponse:
    """List the jobs that added suppressions."""
    return _jobs(request, "create")


@router.get("/api/profile-suppression-bulk-delete-jobs")
async def get_bulk_unsuppress_profiles_jobs(request: Request) -> JSONResponse:
    """List the jobs that ended suppressions."""
    return _jobs(request, "delete")


def consent(
    account: Account, profile: StoredProfile, channel: Channel, *, consented_at: datetime | None = None
) -> None:
    """Record a person's consent to a channel's marketing."""
    profile.consents[channel] = Consent("SUBSCRIBED", account.now(), consented_at)
    if channel == "email":
        profile.suppressions.clear()
    profile.updated = account.now()


def withdraw(account: Account, profile: StoredProfile, channel: Channel) -> None:
    """Record that a person refuses a channel's marketing."""
    profile.consents[channel] = Consent("UNSUBSCRIBED", account.now())
    if channel == "email" and not any(one.reason == "UNSUBSCRIBE" for one in profile.suppressions):
        profile.suppressions.append(Suppression("UNSUBSCRIBE", account.now()))
    profile.updated = account.now()


async def _read(request: Request, shape: type[J], most: int) -> J:
    """Parse a job that changes the consent of at most `most` people."""
    _refuse_other_channels(await read_json(request))
    job = await read_body(request, shape)
    _check_count(job.data.attributes.profiles.data, most)
    return job


async def _suppressions(request: Request, kind: Literal["create", "delete"]) -> JSONResponse:
    data = (await read_body(request, SuppressRequest)).data
    if data.type != f"profile-suppression-bulk-{kind}-job":
        raise RefusedError(400, invalid("/data/type", f"Use profile-suppression-bulk-{kind}-job."))
    account = account_of(request)
    people = list(_suppressed(account, data, make=kind == "create"))
    skipped = 0
    for profile in people:
        mine = [one for one in profile.suppressions if one.reason == "USER_SUPPRESSED"]
        skipped += bool(mine) == (kind == "create")
        if kind == "delete":
            profile.suppressions = [one for one in profile.suppressions if one not in mine]
        elif not mine:
            profile.suppressions.append(Suppression("USER_SUPPRESSED", account.now()))
    on_change(account, *people)
    job = SuppressionJob(new_id(), kind, account.now(), len(people), skipped)
    account.suppression_jobs[job.id] = job
    return answer_one(request, suppression_job_json(job, str(request.base_url)), status=202)


def _suppressed(account: Account, data: Any, *, make: bool) -> Iterator[StoredProfile]:
    rows = data.attributes.profiles.data if data.attributes.profiles else []
    relations = data.relationships
    group = relations.list.data if relations and relations.list else None
    segment = relations.segment.data if relations and relations.segment else None
    if len([one for one in (rows, group, segment) if one]) != 1:
        raise RefusedError(400, invalid("/data", "Name profiles, a list or a segment: exactly one of them."))
    if group:
        yield from (account.profiles[one] for one in list_named(account, group.id).members)
    elif segment:
        yield from members(account, segment_named(account, segment.id))
    else:
        _check_count(rows, MOST_SUPPRESSED)
        for at, row in enumerate(rows):
            attributes = {"email": row.attributes.email}
            check_attributes(attributes, f"{_ROWS}/{at}/attributes", largest=1000, size=0)
            found = account.find(None, attributes)
            if found is not None or make:
                yield found or account.upsert(None, attributes, {})[0]


def _jobs(request: Request, kind: str) -> JSONResponse:
    jobs = (one for one in account_of(request).suppression_jobs.values() if one.kind == kind)
    return answer_page(request, (suppression_job_json(one, str(request.base_url)) for one in jobs))


def _person(account: Account, profile_id: str | None, attributes: dict[str, Any], at: int) -> StoredProfile:
    check_attributes(attributes, f"{_ROWS}/{at}/attributes", largest=1000, size=0)
    try:
        return account.upsert(profile_id, attributes, {})[0]
    except ConflictError as conflict:
        raise duplicate(conflict, f"{_ROWS}/{at}/attributes") from None


def _channels(decisions: Any, attributes: dict[str, Any], at: int) -> Iterator[tuple[Channel, Any]]:
    """Yield the decisions by channel; each needs its own address."""
    for channel in _CHANNELS:
        found = getattr(decisions, channel)
        if found is None or found.marketing is None:
            continue
        name = "phone_number" if channel == "sms" else "email"
        if not attributes.get(name):
            raise RefusedError(400, invalid(f"{_ROWS}/{at}/attributes/{name}", f"{name} is needed for {channel}."))
        yield channel, found.marketing


def _refuse_other_channels(content: Any) -> None:
    """Reject channels that the sandbox does not have, by name."""
    rows = found_at(content, "data", "attributes", "profiles", "data")
    for at, row in enumerate(rows if isinstance(rows, list) else []):
        decisions = found_at(row, "attributes", "subscriptions")
        for channel, kind in _UNMODELLED:
            if found_at(decisions, channel, kind) is not None:
                where = f"{_ROWS}/{at}/attributes/subscriptions/{channel}/{kind}"
                raise not_modelled(f"subscriptions.{channel}.{kind}", pointer=where)


def _check_count(rows: list[Any], most: int) -> None:
    if not 1 <= len(rows) <= most:
        raise RefusedError(400, invalid(_ROWS, f"Send 1 to {most} profiles."))


def _list(account: Account, relations: Any) -> Any:
    named = relations.list.data if relations and relations.list else None
    return list_named(account, named.id, "/data/relationships/list/data/id") if named else None
