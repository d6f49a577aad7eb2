"""Controls for tests and demos, which Klaviyo does not have: how jobs end, who consents, the clock."""

from datetime import timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.jobs import End
from klaviyo_sink.sandbox.account.profiles import StoredProfile
from klaviyo_sink.sandbox.api.consents import consent, withdraw
from klaviyo_sink.sandbox.api.gate import account_of
from klaviyo_sink.sandbox.automation.engine import advance, on_change

router = APIRouter()


class Ends(BaseModel):
    """How the next import job ends."""

    model_config = ConfigDict(extra="forbid")

    end: End


class Consents(BaseModel):
    """Who consents to texts, or withdraws: profiles by external_id or email; they are created if necessary."""

    model_config = ConfigDict(extra="forbid")

    external_ids: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    withdraw: bool = False


class Ahead(BaseModel):
    """How far to advance the clock."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(gt=0, le=10 * 365 * 86_400)


@router.post("/sandbox/imports")
async def order_end(ends: Ends, request: Request) -> Ends:
    """Set how the next import job ends; only a complete one imports anything."""
    account_of(request).next_import = ends.end
    return ends


@router.post("/sandbox/consent")
async def order_consent(consents: Consents, request: Request) -> Consents:
    """Record consent or withdrawal. A consenting person without a phone number gets an invented one."""
    account = account_of(request)
    named = [{"external_id": one} for one in consents.external_ids] + [{"email": one} for one in consents.emails]
    for attributes in named:
        profile, _made = account.upsert(None, attributes, {})
        if consents.withdraw:
            withdraw(account, profile, "sms")
        else:
            if profile.address("sms") is None:
                _give_number(account, profile)
            consent(account, profile, "sms")
        on_change(account, profile)
    return consents


@router.post("/sandbox/clock")
async def order_time(ahead: Ahead, request: Request) -> dict[str, str]:
    """Advance the account's clock, so that delays end and mornings come."""
    account = account_of(request)
    before, by = account.now, timedelta(seconds=ahead.seconds)
    account.now = lambda: before() + by
    advance(account)
    # Time alone makes some people members of a segment.
    on_change(account, *account.profiles.values())
    return {"now": account.now().isoformat()}


def _give_number(account: Account, profile: StoredProfile) -> None:
    """Assign one of the numbers reserved for fiction: 555-0100 to 555-0199 of each area."""
    for at in range(80_000):
        number = f"+1{200 + at // 100}55501{at % 100:02}"
        if account.find(None, {"phone_number": number}) is None:
            account.upsert(profile.id, {"phone_number": number}, {})
            return
