"""
Chooses which of a shopper's profiles at Klaviyo to erase, and which to keep because others use them.

Erasure cannot be undone. So a profile is erased only if all of its identifiers belong to this shopper alone. From a
shared profile, only Hangtag's properties are removed. Knows neither Kafka nor the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, TypeVar

from klaviyo_sink.account.erasure import KnownProfile, clear_profile, erase_profile, look_up
from klaviyo_sink.api.client import KlaviyoClient
from klaviyo_sink.api.errors import Failure
from schemas.outcomes import Later, Misconfigured
from streams.index.claims import Name

#: Tries of a request that Klaviyo asks to repeat later, and seconds between two if Klaviyo names none.
_TRIES: Final = 5
_PAUSE_S: Final = 2.0

T = TypeVar("T")
Action = Literal["erase", "remove our properties", "no profile", "unknown"]


@dataclass(frozen=True, slots=True)
class NameUse:
    """One identifier of the shopper: the other shoppers who use it or its profile, and what is done at Klaviyo."""

    kind: str
    value: str = field(repr=False)
    used_by: tuple[str, ...]
    action: Action


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile at Klaviyo, the shopper's identifiers that led to it, and all of its identifiers."""

    id: str
    claimed: tuple[Name, ...] = field(repr=False)
    names: frozenset[Name] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """The profiles found by the identifiers. `troubles` are refusals; `stopped` says why the search ended early."""

    profiles: tuple[Profile, ...] = ()
    unknown: tuple[Name, ...] = field(default=(), repr=False)
    troubles: frozenset[str] = frozenset()
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class KlaviyoAccess:
    """The two API clients, and what to do. Without an `eraser` no profile is erased (`--soft`)."""

    writer: KlaviyoClient
    eraser: KlaviyoClient | None
    #: The properties that Hangtag wrote.
    properties: tuple[str, ...]
    #: Also erase a profile that other shoppers use.
    include_shared: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def find(self, names: Iterable[Name]) -> Found:
        """Look the profiles up. Continues after an identifier that Klaviyo rejects, but not without a key."""
        by_id: dict[str, tuple[list[Name], KnownProfile]] = {}
        unknown: list[Name] = []
        troubles: set[str] = set()
        for name in sorted(names):
            answer = await self._patiently(partial(look_up, self.eraser or self.writer, *name))
            if isinstance(answer, KnownProfile):
                by_id.setdefault(answer.id, ([], answer))[0].append(name)
            elif answer is None:
                unknown.append(name)
            elif isinstance(answer, Later | Misconfigured):
                return _found(by_id, unknown, troubles, stopped=self._advice(answer, erasing=self.eraser is not None))
            else:
                troubles.add(answer.message)
        return _found(by_id, unknown, troubles)

    def action_for(self, used_by: tuple[str, ...]) -> Action:
        """Return what to do with a profile that these other shoppers use."""
        if self.eraser is None or (used_by and not self.include_shared):
            return "remove our properties"
        return "erase"

    async def carry_out(self, profile: Profile, action: Action) -> str | None:
        """Carry out a profile's action at Klaviyo. Return why that failed, or None."""
        eraser = self.eraser if action == "erase" else None
        if eraser is not None:
            refused = await self._patiently(partial(erase_profile, eraser, profile.id))
        else:
            refused = await self._patiently(partial(clear_profile, self.writer, profile.id, self.properties))
        return None if refused is None else self._advice(refused, erasing=eraser is not None)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for _ in range(_TRIES - 1):
            answer = await ask()
            if not isinstance(answer, Later):
                return answer
            await self.sleep(answer.retry_after or _PAUSE_S)
        return await ask()

    def _advice(self, refused: Failure, *, erasing: bool) -> str:
        setting = "HANGTAG_KLAVIYO_ERASURE_KEY" if erasing else "HANGTAG_KLAVIYO_KEY"
        return f"{refused.message} ({setting})" if refused.reason == "no-key" else refused.message


def users_of(profile: Profile, others: Mapping[Name, set[str]]) -> tuple[str, ...]:
    """Return the other shoppers who use a profile, by any of its identifiers."""
    users: set[str] = set().union(*(others.get(name, set()) for name in (*profile.claimed, *profile.names)))
    return tuple(sorted(users))


def _found(
    by_id: Mapping[str, tuple[list[Name], KnownProfile]],
    unknown: list[Name],
    troubles: set[str],
    stopped: str | None = None,
) -> Found:
    profiles = tuple(Profile(known.id, tuple(claimed), known.names) for claimed, known in by_id.values())
    return Found(profiles, tuple(unknown), frozenset(troubles), stopped)
