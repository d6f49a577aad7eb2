"""
One request budget for all sync processes of an account. The shared state database contains what was spent.

Before sending, a process asks here for as many requests as it has ready, in one short transaction. So the limits hold
when partitions move between processes, and a 429 to one process pauses that operation for all. One state database
serves one Klaviyo account. Knows no HTTP beyond three headers.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, Protocol, TypeVar

from klaviyo_sink.limits import Grant, Spent, Standing, grant, standing, throttled, told, worth_telling

T = TypeVar("T")

#: Longest wait in seconds before asking again, because another process may have learned of a higher limit.
ASK_AGAIN_S: Final = 5.0


class SpendStore(Protocol):
    """Stores what was spent. Applies a change to an operation's `Spent` in one transaction."""

    def __call__(self, operation: str, change: Callable[[Spent], tuple[Spent, T]]) -> Awaitable[T]:
        """Read, change and store; return the change's second value."""
        ...


class Budget:
    """Grants requests. `now` returns the time; clocks of several machines must agree within some 50 ms."""

    def __init__(
        self,
        store: SpendStore,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store, self._now, self._sleep, self._jitter = store, now, sleep, jitter
        #: The last known state of each operation.
        self._seen: dict[str, Spent] = {}

    async def ask(self, operation: str, wanted: int) -> Grant:
        """Take up to `wanted` requests of those that are free now."""
        return await self._change(operation, lambda spent: grant(spent, operation, wanted, self._seconds()))

    async def wait(self, operation: str) -> None:
        """Take one request, however long that takes."""
        while (given := await self.ask(operation, 1)).slots == 0:
            # The jitter keeps waiters from asking at the same moment.
            await self._sleep(min(given.wait_s, ASK_AGAIN_S) + 0.05 * self._jitter())

    async def throttled(self, operation: str, retry_after_s: float) -> None:
        """Close an operation for all processes after a 429."""
        await self._change(operation, lambda spent: (throttled(spent, retry_after_s, self._seconds()), None))

    async def answered(self, operation: str, headers: Mapping[str, str]) -> None:
        """Update the budget from a response's headers, if they contain something new."""
        limit_headers = _rate_limit(headers)
        if limit_headers is None:
            return
        limit, left, reset_s = limit_headers
        # Compare with the state at the last grant, which may come from another process, or from before a restart.
        known = self._seen[operation].told_steady if operation in self._seen else None
        if worth_telling(operation, known, limit=limit, left=left):
            await self._change(
                operation,
                lambda spent: (told(spent, limit=limit, left=left, reset_s=reset_s, now=self._seconds()), None),
            )

    def standing(self) -> dict[str, Standing]:
        """Return what is left of each operation used, without asking the database what others used since."""
        return {
            operation: standing(spent, operation, self._seconds()) for operation, spent in self._seen.copy().items()
        }

    def _change(self, operation: str, change: Callable[[Spent], tuple[Spent, T]]) -> Awaitable[T]:
        def seen(spent: Spent) -> tuple[Spent, T]:
            self._seen[operation], answer = change(spent)
            return self._seen[operation], answer

        return self._store(operation, seen)

    def _seconds(self) -> float:
        return self._now().timestamp()


def _rate_limit(headers: Mapping[str, str]) -> tuple[int, int, int] | None:
    texts = [headers.get(f"ratelimit-{name}", "") for name in ("limit", "remaining", "reset")]
    if not all(text.isascii() and text.isdigit() for text in texts):
        return None
    limit, left, reset_s = map(int, texts)
    return (limit, left, reset_s) if limit > 0 else None
