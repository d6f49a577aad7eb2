"""Orders of tests and demos, which Klaviyo has not: how jobs end, who agrees, how time goes on."""

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
    """Who agrees to be texted, or no longer does: profiles by external_id or email; they are made if need be."""

    model_config = ConfigDict(extra="forbid")

    external_ids: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    withdraw: bool = False


class Ahead(BaseModel):
    """How far to turn the clock."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(gt=0, le=10 * 365 * 86_400)


@router.post("/sandbox/imports")
async def order_end(ends: Ends, request: Request) -> Ends:
    """Let the next import job end in another way; only a complete one imports anything."""
    account_of(request).next_import = ends.end
    return ends


@router.post("/sandbox/consent")
async def order_consent(consents: Consents, request: Request) -> Consents:
    """Let people agree to be texted, or refuse. Who agrees has a phone number: one is made up where none is known."""
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
    """Turn the account's clock ahead, so that delays end and mornings come."""
    account = account_of(request)
    before, by = account.now, timedelta(seconds=ahead.seconds)
    account.now = lambda: before() + by
    advance(account)
    # Some come to belong to a segment just by time going by.
    on_change(account, *account.profiles.values())
    return {"now": account.now().isoformat()}


def _give_number(account: Account, profile: StoredProfile) -> None:
    """Give someone one of the numbers that are kept for fiction: 555-0100 to 555-0199 of each area."""
    for at in range(80_000):
        number = f"+1{200 + at // 100}55501{at % 100:02}"
        if account.find(None, {"phone_number": number}) is None:
            account.upsert(profile.id, {"phone_number": number}, {})
            return
