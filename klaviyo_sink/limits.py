"""
Klaviyo's rate limits: rolling windows of one second and one minute, corrected by Klaviyo's responses. Pure.

Klaviyo counts in fixed windows, whose start no client knows. A rolling window that never exceeds the limit keeps every
fixed window within it. What was spent is a value that several processes share (`budget.py`); times are seconds since
the epoch, passed by the caller. Knows neither HTTP nor the database.

Sources: `x-klaviyo-ratelimit` of openapi 2026-07-15 (a contract test compares the table); developers.klaviyo.com
"Rate limits, status codes, and errors".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

#: Requests per second and per minute that Klaviyo allows an account, by operation.
PUBLISHED: Final[Mapping[str, tuple[int, int]]] = {
    "POST /api/events": (350, 3500),
    "GET /api/events": (350, 3500),
    "POST /api/event-bulk-create-jobs": (10, 150),
    "POST /api/profile-import": (75, 750),
    "POST /api/profile-bulk-import-jobs": (10, 150),
    "GET /api/profile-bulk-import-jobs/{job_id}": (10, 150),
    "GET /api/profile-bulk-import-jobs/{id}/import-errors": (10, 150),
    "GET /api/profiles": (75, 750),
    "GET /api/profiles/{id}": (75, 750),
    "GET /api/metrics": (10, 150),
    "GET /api/segments": (75, 750),
    "GET /api/flows": (3, 60),
    "GET /api/flows/{id}": (3, 60),
    "POST /api/segments": (1, 15),
    "PATCH /api/segments/{id}": (1, 15),
    "POST /api/flows": (1, 15),
    "PATCH /api/flows/{id}": (3, 60),
    "POST /api/data-privacy-deletion-jobs": (3, 60),
}
#: Share of a limit that is used. The rest covers the network: requests sent evenly may arrive in a burst.
SPEND: Final = 0.92
#: Length in seconds of the steps in which spending is stored: at most 600 numbers per minute.
TICK_S: Final = 0.1
MINUTE_S: Final = 60
#: Seconds by which processes' clocks differ at most, and the longest pause that Klaviyo asks for.
SKEW_S: Final = 10
LONGEST_CLOSED_S: Final = 3600
#: A 429 although we kept the limit shows that another program uses it too. The limit is then halved, at most this many
#: times, and doubled again after each minute without a 429.
MOST_HALVINGS: Final = 3


class Spent(BaseModel):
    """What an account has spent on one operation, and what Klaviyo reported about it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    #: (tick, requests) of the last minute, oldest first.
    ticks: tuple[tuple[int, int], ...] = ()
    #: Time before which nothing may be sent.
    closed_until: float = 0
    halvings: int = 0
    throttled_at: float = 0
    #: Requests per minute that Klaviyo reported last; None before the first report.
    told_steady: int | None = None
    #: Requests that Klaviyo reported as left until `resets_at`, minus those granted since.
    told_left: int | None = None
    resets_at: float = 0
    #: When this was last changed, by the clock of the process that changed it.
    noted_at: float = 0

    @classmethod
    def read(cls, stored: str) -> Self:
        """Parse a stored value. A damaged one is dropped, because everything expires after a minute anyway."""
        try:
            return cls.model_validate_json(stored)
        except ValidationError:
            return cls()


@dataclass(frozen=True, slots=True)
class Grant:
    """Requests that may be sent now; if fewer than wanted, the seconds until more may be sent."""

    slots: int
    wait_s: float = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of an operation's budget is left."""

    #: Requests per minute.
    steady: int
    #: Requests left in the current minute.
    left: int


def grant(spent: Spent, operation: str, wanted: int, now: float) -> tuple[Spent, Grant]:
    """Spend up to `wanted` requests."""
    spent = _brought_to(spent, now)
    if now < spent.closed_until:
        return spent, Grant(0, spent.closed_until - now)
    burst, steady = _allowed(spent, operation)
    tick = math.floor(now / TICK_S)
    free = min(burst - _used(spent, tick, 1), steady - _used(spent, tick, MINUTE_S), _left(spent, steady, now))
    slots = max(0, min(wanted, free))
    if slots:
        ticks = dict(spent.ticks)
        ticks[tick] = ticks.get(tick, 0) + slots
        left = None if spent.told_left is None else spent.told_left - slots
        spent = spent.model_copy(update={"ticks": tuple(sorted(ticks.items())), "told_left": left, "noted_at": now})
    return spent, Grant(slots, 0 if slots == wanted else _wait(spent, burst, steady, tick, now))


def standing(spent: Spent, operation: str, now: float) -> Standing:
    """Return how much of a minute's requests is left."""
    spent = _brought_to(spent, now)
    _burst, steady = _allowed(spent, operation)
    used = _used(spent, math.floor(now / TICK_S), MINUTE_S)
    left = 0 if now < spent.closed_until else min(steady - used, _left(spent, steady, now))
    return Standing(steady, max(0, left))


def throttled(spent: Spent, retry_after_s: float, now: float) -> Spent:
    """Apply a 429: close until the time Klaviyo sent, then use half. Several 429s of one burst count once."""
    spent = _brought_to(spent, now)
    once = now - spent.throttled_at > 1
    return spent.model_copy(
        update={
            "closed_until": max(spent.closed_until, now + retry_after_s),
            "halvings": min(spent.halvings + once, MOST_HALVINGS),
            "throttled_at": now if once else spent.throttled_at,
            "noted_at": now,
        }
    )


def told(spent: Spent, *, limit: int, left: int, reset_s: float, now: float) -> Spent:
    """Apply a response's `RateLimit-Limit`, `-Remaining` and `-Reset`, which are about the minute only."""
    spent = _brought_to(spent, now)
    return spent.model_copy(
        update={"told_steady": limit, "told_left": left, "resets_at": now + reset_s, "noted_at": now}
    )


def worth_telling(operation: str, known_steady: int | None, *, limit: int, left: int) -> bool:
    """Return whether a response's headers change what may be spent."""
    expected = PUBLISHED[operation][1] if known_steady is None else known_steady
    return limit != expected or left < limit * (1 - SPEND) * 2


def _allowed(spent: Spent, operation: str) -> tuple[int, int]:
    burst, steady = PUBLISHED[operation]
    if spent.told_steady is not None:
        burst, steady = max(1, round(burst * spent.told_steady / steady)), spent.told_steady
    part = SPEND / 2**spent.halvings
    return max(1, math.floor(burst * part)), max(1, math.floor(steady * part))


def _left(spent: Spent, steady: int, now: float) -> int:
    if spent.told_left is None or now >= spent.resets_at:
        return steady
    # Here too, subtract the share of the limit that stays unused.
    return spent.told_left - math.ceil((spent.told_steady or steady) * (1 - SPEND))


def _used(spent: Spent, tick: int, length_s: int) -> int:
    # Count one more tick, because a request may have been granted at the very end of its tick.
    first = tick - round(length_s / TICK_S) - 1
    return sum(count for at, count in spent.ticks if at > first)


def _wait(spent: Spent, burst: int, steady: int, tick: int, now: float) -> float:
    """Return the seconds until one more request fits."""
    moments = [now + TICK_S]
    for allowed, length_s in ((burst, 1), (steady, MINUTE_S)):
        first = tick - round(length_s / TICK_S) - 1
        over = _used(spent, tick, length_s) - allowed
        for at, count in spent.ticks:
            if at <= first or over < 0:
                continue
            over -= count
            if over < 0:
                moments.append((at + 1.1) * TICK_S + length_s)
    if _left(spent, steady, now) <= 0:
        moments.append(spent.resets_at)
    return max(moments) - now


def _brought_to(spent: Spent, now: float) -> Spent:
    """Update what was spent to now: drop what is older than a minute, recover, and correct a wrong clock."""
    ahead = max(spent.noted_at, spent.throttled_at, spent.ticks[-1][0] * TICK_S if spent.ticks else 0) - now
    if ahead > SKEW_S:
        spent = _moved_back(spent, ahead)
    spent = _recovered(_without_old(spent, now), now)
    if spent.closed_until <= now + LONGEST_CLOSED_S:
        return spent
    return spent.model_copy(update={"closed_until": now + LONGEST_CLOSED_S})


def _moved_back(spent: Spent, seconds: float) -> Spent:
    """
    Shift all times back by `seconds`: the clock that wrote them was ahead, or ours was set back.

    What was spent last then counts as spent now. So the limits hold, and after a minute all is as before.
    """
    ticks = math.ceil(seconds / TICK_S)
    return spent.model_copy(
        update={
            "ticks": tuple((at - ticks, count) for at, count in spent.ticks),
            "closed_until": spent.closed_until - seconds,
            "throttled_at": spent.throttled_at - seconds,
            "resets_at": spent.resets_at - seconds,
            "noted_at": spent.noted_at - seconds,
        }
    )


def _without_old(spent: Spent, now: float) -> Spent:
    first = math.floor(now / TICK_S) - round(MINUTE_S / TICK_S) - 1
    if spent.ticks and spent.ticks[0][0] <= first:
        return spent.model_copy(update={"ticks": tuple(one for one in spent.ticks if one[0] > first)})
    return spent


def _recovered(spent: Spent, now: float) -> Spent:
    quiet = math.floor((now - spent.throttled_at) / MINUTE_S)
    if not spent.halvings or quiet < 1:
        return spent
    left = max(0, spent.halvings - quiet)
    return spent.model_copy(update={"halvings": left, "throttled_at": now})
