"""Checks of Klaviyo's API: the key, its scopes, and whether the clocks agree. Never prints the key."""

import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from klaviyo_sink.access import open_client
from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import Failure
from schemas.outcomes import Later, Misconfigured
from streams.config.settings import Settings
from streams.operations.checks.answer import Checked, Machine, fail, ok, warn
from streams.wiring.klaviyo import make_sink_config

#: Calls of the sync stage, by the scopes that each needs in addition to those before it.
_CALLS: Final = {
    "events:write": ("POST", "/api/events"),
    "profiles:write": ("POST", "/api/profile-import"),
    "lists:write": ("POST", "/api/profile-bulk-import-jobs"),
    "lists:read and profiles:read": ("GET", "/api/profile-bulk-import-jobs/{job_id}"),
}
_NO_JOB: Final = {"job_id": "hangtag-doctor"}
_KEY = "set HANGTAG_KLAVIYO_KEY, or run `hangtag klaviyo login`; docs/klaviyo.md lists the scopes"
#: Seconds by which clocks may differ. A Date header has whole seconds.
_NEAR_S, _FAR_S = 5, 60


async def klaviyo(settings: Settings, _machine: Machine) -> list[Checked]:
    """
    Check that Klaviyo accepts the key, and that the key has the scopes that the sync stage needs.

    Sends requests without content, and asks for a job that does not exist. Klaviyo checks the key and its scopes first,
    so an error about the content shows that the key may make the call. Nothing is written.
    """
    try:
        config = make_sink_config(settings)
    except ValueError as error:
        return [fail("klaviyo", str(error), _KEY)]
    async with open_client(config) as client:
        answers = await asyncio.gather(*(_ask(client, *call) for call in _CALLS.values()))
    return [_judged(settings, dict(zip(_CALLS, answers, strict=True)))]


async def clock(settings: Settings, machine: Machine) -> list[Checked]:
    """Check that the clock agrees with Klaviyo's: events carry times, and ages are computed from them."""
    host = urlsplit(settings.klaviyo_url).hostname
    loopback = host in {"localhost", "127.0.0.1", "::1"}
    try:
        async with httpx.AsyncClient(trust_env=not loopback, timeout=10) as http:
            before = machine.clock()
            answer = await http.get(settings.klaviyo_url)
            after = machine.clock()
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp() + 0.5
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
        return [warn("clock", f"cannot be compared with {host}'s ({type(error).__name__})", "see the check klaviyo")]
    skew = (before + after) / 2 - theirs
    finding = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} {host}'s"
    if abs(skew) <= _NEAR_S + (after - before) / 2:
        return [ok("clock", f"agrees with {host}'s")]
    return [(warn if abs(skew) <= _FAR_S else fail)("clock", finding, "synchronize the clock by NTP")]


async def _ask(client: KlaviyoClient, method: str, path: str) -> Accepted | Failure:
    if method == "POST":
        return await client.call(method, path, body=b"{}")
    # The call is by id, so a 404 is an expected response and not a fault of the configuration.
    return await client.call(method, path, names=_NO_JOB, by_profile_id=True)


def _judged(settings: Settings, answers: Mapping[str, Accepted | Failure]) -> Checked:
    """Return the result for the responses, by the scopes that each call needs."""
    refusals = [answer for answer in answers.values() if isinstance(answer, Misconfigured)]
    broken = next((answer for answer in refusals if answer.reason != "forbidden"), None)
    if broken is not None:
        return fail("klaviyo", broken.message, _KEY)
    if refusals:
        lacking = ", ".join(scopes for scopes, answer in answers.items() if answer in refusals)
        return fail("klaviyo", f"the key lacks {lacking}", f"create a key with these scopes, and {_KEY}")
    away = next((answer for answer in answers.values() if isinstance(answer, Later)), None)
    if away is not None and away.reason == "throttled":
        return warn("klaviyo", away.message, "the rate limit is used up at the moment; try again in a minute")
    if away is not None:
        return fail("klaviyo", away.message, "check the network and status.klaviyo.com; uploads wait meanwhile")
    if settings.klaviyo_dry_run:
        return warn("klaviyo", "the key is valid, but the sync stage sends nothing", "unset HANGTAG_KLAVIYO_DRY_RUN")
    return ok("klaviyo", f"accepts the key, with {', '.join(_CALLS)}")
