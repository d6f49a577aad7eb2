"""
The sink: an event in, Klaviyo saying so out.

Knows no Kafka and reads no environment. Answers are values; the caller waits, retries, pauses or dead-letters.

Order of effects, each safe to repeat: fold into the style profile (stored) → write to Klaviyo → enter in the ledger.
A crash between any two ends in the same request with the same `unique_id`, which Klaviyo drops.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from klaviyo_sink.client import KlaviyoClient, PrivateKey
from klaviyo_sink.errors import Failure
from klaviyo_sink.profile import event_body, identifier, import_body, unique_id
from klaviyo_sink.refusals import refusal
from klaviyo_sink.state import Folded, OvertakenError, State, Write, open_state
from schemas.events import OutfitTagged
from schemas.outcomes import Later

P = ParamSpec("P")
T = TypeVar("T")

#: Database threads when the database takes more than one writer at a time.
DATABASE_THREADS: Final = 8
#: Times the state is written again because another process wrote meanwhile, before the event is put back in line.
SETTLE_WRITES: Final = 3


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """
    What the sink is told.

    Raises:
        ValueError: the key cannot stand in a header, or the metric's name is one that Klaviyo refuses.

    """

    url: str
    #: Private API key with the scopes events:write and profiles:write; without one `sync` answers Misconfigured.
    key: SecretStr | None
    revision: str = "2026-07-15"
    #: 1 to 127 characters.
    metric: str = "Outfit Tagged"
    timeout_s: float = 30
    #: SQLAlchemy URL of the style profiles and ledgers. It may hold a password.
    state_url: str = "sqlite:///.hangtag/state.db"
    #: Uploads older than this are written as backfill: a rewind or a long outage must not text anyone.
    stale_after: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        if self.key is not None and not re.fullmatch(r"[!-~]+", self.key.get_secret_value()):
            raise ValueError("the Klaviyo key must be printable ASCII without spaces")
        if not 1 <= len(self.metric) <= 127:  # noqa: PLR2004 - Klaviyo's own limit, openapi 2026-07-15
            raise ValueError("the metric's name must have 1 to 127 characters")

    def __repr__(self) -> str:
        """Leave out whatever holds a secret."""
        return f"SinkConfig(url={self.url!r}, revision={self.revision!r}, metric={self.metric!r})"


@dataclass(frozen=True, slots=True)
class Written:
    """Klaviyo says what the style profile says, or never will because the shopper was forgotten (version 0)."""

    outcome: Literal["written", "unchanged", "forgotten"]
    lane: Literal["single", "bulk"]
    profile_version: int


class Sink:
    """Writes each tagged upload to Klaviyo once. Made by `open_sink`; close it with `aclose`."""

    def __init__(
        self,
        state: State,
        client: KlaviyoClient,
        threads: ThreadPoolExecutor,
        *,
        metric: str,
        stale_after: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._client = client
        self._threads = threads
        self._metric = metric
        self._stale_after = stale_after
        self._now = now
        # A lock lives as long as someone holds or awaits it.
        self._shoppers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def sync(self, event: OutfitTagged) -> Written | Failure:
        """Bring the shopper's profile up to date. One write per shopper at a time; shoppers do not wait for another."""
        refused = refusal(event, self._now())
        if refused is not None:
            return refused
        lock = self._shoppers.setdefault(event.shopper_id, asyncio.Lock())
        async with lock:
            try:
                return await self._sync(event)
            except (SQLAlchemyError, OvertakenError) as error:
                # The text of a database error may quote the row.
                return Later("state-database", f"the state database failed ({type(error).__name__})")

    async def forget(self, shopper_id: str) -> None:
        """Drop what is known of a shopper, and their events from now on. Klaviyo is asked separately, and after."""
        lock = self._shoppers.setdefault(shopper_id, asyncio.Lock())
        async with lock:
            await self._in_database(self._state.forget, shopper_id, at=self._now())

    async def aclose(self) -> None:
        """Close the connections to Klaviyo and to the database."""
        await self._client.aclose()
        await self._in_database(self._state.close)
        self._threads.shutdown(wait=False)

    async def _sync(self, event: OutfitTagged) -> Written | Failure:
        [folded] = await self._in_database(self._state.fold, [event])
        if folded is None:
            return Written("forgotten", "single", 0)
        if folded.known and folded.written_version >= folded.version:
            return Written("unchanged", "single", folded.version)
        # An event Klaviyo has, with a profile that it has not: an upload tagged back to what it was before.
        failure = await self._write_state(event, folded) if folded.known else await self._write_event(event, folded)
        if failure is not None:
            return failure
        return await self._settle(event, folded, with_event=not folded.known)

    async def _settle(self, event: OutfitTagged, sent: Folded, *, with_event: bool) -> Written | Failure:
        write = Write(event.shopper_id, sent.version)
        if with_event:
            write = Write(event.shopper_id, sent.version, upload_id=event.upload_id, unique_id=unique_id(event))
        for _ in range(SETTLE_WRITES):
            [current] = await self._in_database(self._state.record, [write], at=self._now())
            if current is None:
                return Written("forgotten", "single", 0)
            if current.version <= write.version:
                return Written("written", "single", current.version)
            failure = await self._write_state(event, current)
            if failure is not None:
                return failure
            write = Write(event.shopper_id, current.version)
        return Later("overtaken", "another process keeps writing this shopper's profile")

    async def _write_event(self, event: OutfitTagged, folded: Folded) -> Failure | None:
        backfill = event.backfill or self._now() - event.uploaded_at > self._stale_after
        body = event_body(event, folded.profile, folded.version, metric=self._metric, backfill=backfill)
        by_id = identifier(event.identity)[0] == "id"
        answer = await self._client.create_event(body.wire(), by_profile_id=by_id)
        return answer if isinstance(answer, Failure) else None

    async def _write_state(self, event: OutfitTagged, folded: Folded) -> Failure | None:
        body = import_body(event.identity, folded.profile, folded.version)
        by_id = identifier(event.identity)[0] == "id"
        answer = await self._client.import_profile(body.wire(), by_profile_id=by_id)
        return answer if isinstance(answer, Failure) else None

    async def _in_database(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(self._threads.submit(call, *args, **kwargs))


async def open_sink(config: SinkConfig, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Sink:
    """
    Open the state database (migrating it) and the way to Klaviyo. Makes no request.

    Raises:
        StateUnavailableError: the database cannot be opened.

    """
    # Opened, used and closed in the same threads: SQLite's connections belong to theirs.
    opener = ThreadPoolExecutor(1, thread_name_prefix="sink-state")
    try:
        state = await asyncio.wrap_future(opener.submit(open_state, config.state_url))
    except BaseException:
        opener.shutdown(wait=False)
        raise
    threads = opener
    if not state.serial:
        opener.shutdown(wait=False)
        threads = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="sink-state")
    client = KlaviyoClient(
        config.url,
        None if config.key is None else PrivateKey(config.key),
        revision=config.revision,
        timeout_s=config.timeout_s,
    )
    return Sink(state, client, threads, metric=config.metric, stale_after=config.stale_after, now=now)
