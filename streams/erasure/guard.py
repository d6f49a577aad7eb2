"""
Keeps events of forgotten shoppers out of the stages: they end without output and without a dead letter.

Reads the erasure ledger if this process can reach the state database. The sync stage also checks the ledger for every
event; in the stages before it, the guard keeps a forgotten shopper out of the topics, too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine, inspect

from klaviyo_sink.state.database import LOOK_S, is_missing, open_for_reading
from klaviyo_sink.state.ledgers import count_forgotten, digest, forgotten_since
from klaviyo_sink.state.tables import forgotten_shoppers
from schemas.events import Event
from schemas.outcomes import Never
from schemas.steady_clock import now
from streams.runtime.stage import Handler, HandlerResult

log = structlog.get_logger()

#: Seconds between two reads of the ledger. `hangtag forget` waits longer before it removes anything.
REFRESH_S: Final = 5.0
_NO_LEDGER: Final = "no erasure ledger here: nobody was forgotten, or only the sync stage has it"


class ForgottenShoppers:
    """The forgotten shoppers, as of at most `REFRESH_S` seconds ago."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Do not connect yet: the database is opened at the first use, and not created if missing."""
        self._url, self._clock = url, clock
        self._engine: Engine | None = None
        self._has_ledger = False
        self._digests: set[str] = set()
        self._newest: datetime | None = None
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self._patience_ends = 0.0
        self._said: set[str] = set()

    async def includes(self, shopper_id: str) -> bool:
        """
        Return whether a shopper was forgotten. While the database is unreachable, the last read counts.

        A database that does not respond delays events for two seconds, and not again until that read has ended.
        """
        await self.refresh()
        return self.knows(shopper_id)

    async def refresh(self) -> None:
        """Read the ledger again if the last read is too old; waits as long as `includes` does."""
        if self._is_stale():
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(asyncio.to_thread(self.read))
                self._patience_ends = time.monotonic() + LOOK_S
            patience = self._patience_ends - time.monotonic()
            if patience > 0:
                await asyncio.wait({self._reading}, timeout=patience)

    def knows(self, shopper_id: str) -> bool:
        """Return whether a shopper was forgotten at the last read."""
        return bool(self._digests) and digest(shopper_id) in self._digests

    def knows_digest(self, shopper_digest: str) -> bool:
        """Return the same for a shopper of whom only `ledgers.digest` is known."""
        return shopper_digest in self._digests

    def knows_key(self, key: bytes | None) -> bool:
        """Return whether a message's key is a forgotten shopper's."""
        return key is not None and self.knows(key.decode(errors="replace"))

    def read(self) -> None:
        """Read new entries of the ledger. Blocks."""
        try:
            if self._engine is None and is_missing(self._url):
                self._say_once(log.info, _NO_LEDGER)
            else:
                self._engine = self._engine or open_for_reading(self._url)
                with self._engine.connect() as connection:
                    self._read(connection)
        except Exception as error:  # noqa: BLE001 - a guard must not end events, whatever a damaged row or disk raises
            self._say_once(
                log.warning,
                "the erasure ledger cannot be read here: forgotten shoppers are dropped by the sync stage only",
                error=type(error).__name__,
            )
        self._read_at = self._clock()

    def _read(self, connection: Connection) -> None:
        # The first process with write access makes the table. Others may look before that.
        self._has_ledger = self._has_ledger or inspect(connection).has_table(forgotten_shoppers.name)
        if not self._has_ledger:
            self._say_once(log.info, _NO_LEDGER)
            return
        new, self._newest = forgotten_since(connection, self._newest, now=now())
        known = self._digests | new
        if count_forgotten(connection) != len(known):
            # An entry came from a clock that was far behind, or was removed: read the whole ledger.
            known, self._newest = forgotten_since(connection, None, now=now())
        self._digests = known
        self._said.clear()

    def close(self) -> None:
        """Close the database."""
        if self._engine is not None:
            self._engine.dispose()

    def _say_once(self, say: Callable[..., object], words: str, **facts: str) -> None:
        if words not in self._said:
            say(words, **facts)
        self._said.add(words)

    def _is_stale(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at >= REFRESH_S


def forgotten_until_now(url: str) -> Callable[[str], bool]:
    """Read the ledger once. Return a function that says whether a shopper was forgotten by then. Blocks."""
    shoppers = ForgottenShoppers(url)
    shoppers.read()
    shoppers.close()
    return shoppers.knows


def drop_forgotten(
    handle: Handler,
    is_forgotten: Callable[[str], Awaitable[bool]],
    on_dropped: Callable[[Event], Awaitable[None]] | None = None,
) -> Handler:
    """
    Wrap a handler so that a forgotten shopper's event produces no output and no dead letter, checked before and after.

    `on_dropped` is called with each event that ends this way, and with each output that is dropped.
    """

    async def drop(event: Event) -> None:
        if on_dropped is not None:
            await on_dropped(event)

    async def guarded(event: Any) -> HandlerResult:
        known = isinstance(event, Event)
        if known and await is_forgotten(event.shopper_id):
            await drop(event)
            return ()
        answer = await handle(event)
        # A dead letter would also keep the shopper in a topic, as an output would.
        if isinstance(answer, Never) and known and await is_forgotten(event.shopper_id):
            await drop(event)
            return ()
        if not isinstance(answer, tuple):
            return answer
        kept = tuple([one for one in answer if not await is_forgotten(one.shopper_id)])
        if len(kept) < len(answer):
            for dropped in (event,) if known else [one for one in answer if one not in kept]:
                await drop(dropped)
        return kept

    return guarded
