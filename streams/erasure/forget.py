"""
Forgetting a shopper everywhere, step by step: the database, the photos, Klaviyo.

The erasure ledger is entered first, so that nothing that is queued or replayed can bring the shopper back behind a
later step. Every step may be done again: a run that was cut off is finished by the next one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Engine

from klaviyo_sink.account.erasure import clear, erase
from klaviyo_sink.api.client import KlaviyoClient
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.profile.style import identifiers
from klaviyo_sink.state.forgetting import Dropped, known_of
from klaviyo_sink.state.forgetting import forget as forget_in_database
from schemas.codec import UndecodableError, decode
from schemas.events import Identity, OutfitTagged, PhotoUploaded
from schemas.outcomes import Later, Misconfigured
from schemas.topics import topics
from streams.config.settings import Settings
from streams.erasure.guard import REFRESH_S
from streams.kafka.reader import UnreadableTopicError, follow
from streams.photos.store import READ, PhotoStore, Stored, StoreError, folder_of

#: Tries of a request that Klaviyo asks to send later, and seconds between two unless it says how many.
_TRIES: Final = 5
_PAUSE_S: Final = 2.0

What = Literal["style_profiles", "written_events", "photos", "klaviyo_profiles"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step removed, or would remove; `trouble` says why that may not be all."""

    what: What
    removed: int
    trouble: str | None = None


@dataclass(slots=True)
class Kept:
    """What the topics still tell of a shopper: by what names Klaviyo may know them, and where their photos lie."""

    names: set[tuple[str, str]] = field(default_factory=set, repr=False)
    uris: set[str] = field(default_factory=set, repr=False)

    def add(self, identity: Identity) -> None:
        """Note each name by itself: they need not be of one profile."""
        self.names.update(identifiers(identity))


@dataclass(frozen=True, slots=True)
class Forgetting:
    """One shopper's, with all it takes. `properties` are removed from the profile; without, Klaviyo is to erase it."""

    settings: Settings
    engine: Engine
    store: PhotoStore
    klaviyo: KlaviyoClient
    now: Callable[[], datetime]
    properties: tuple[str, ...] = ()
    dry_run: bool = False
    #: Told what is being done.
    tell: Callable[[str], None] = lambda _doing: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self, shopper_id: str, identity: Identity) -> AsyncIterator[Step]:
        """
        Forget the shopper, whom Klaviyo knows by `identity`, by the shop's own id, or by what the topics say.

        Raises:
            SQLAlchemyError: the state database failed. Nothing else was touched, unless it did so before.

        """
        self.tell("the state database")
        work = known_of if self.dry_run else self._forget_in_database
        dropped = await asyncio.to_thread(work, self.engine, shopper_id)
        yield Step("style_profiles", dropped.style_profiles)
        yield Step("written_events", dropped.written_events)
        self.tell("reading topics")
        kept = Kept()
        kept.add(identity)
        kept.add(Identity(external_id=shopper_id))
        unread = await asyncio.to_thread(self._read, shopper_id, kept)
        if dropped.forgotten_at is not None and not self.dry_run:
            await self._settle(dropped.forgotten_at)
        self.tell("photos")
        yield await self._photos(shopper_id, kept.uris, unread)
        self.tell("Klaviyo")
        yield await self._klaviyo(kept.names, unread)

    def _forget_in_database(self, engine: Engine, shopper_id: str) -> Dropped:
        return forget_in_database(engine, shopper_id, at=self.now())

    def _read(self, shopper_id: str, kept: Kept) -> str | None:
        """Read what the topics tell; says why they could not be read, if so."""
        names, key = topics(self.settings.topic_prefix), shopper_id.encode()
        kinds: dict[str, type[PhotoUploaded | OutfitTagged]] = {
            names.uploads.name: PhotoUploaded,
            names.tags.name: OutfitTagged,
        }
        try:
            for seen in follow(self.settings, list(kinds)):
                if seen.key != key:
                    continue
                try:
                    event = decode(kinds[seen.topic], seen.value)
                except UndecodableError:
                    continue
                kept.add(event.identity)
                if isinstance(event, PhotoUploaded):
                    kept.uris.add(event.photo.uri)
        except UnreadableTopicError as error:
            return str(error)
        return None

    async def _settle(self, forgotten_at: datetime) -> None:
        """Wait for what was under way when the ledger was entered: a stage's event, a request to Klaviyo."""
        settled = forgotten_at + timedelta(seconds=max(self.settings.klaviyo_timeout_s, 2 * REFRESH_S))
        left_s = (settled - self.now()).total_seconds()
        if left_s > 0:
            self.tell(f"waiting {left_s:.0f} s for what is under way")
            await self.sleep(left_s)

    async def _photos(self, shopper_id: str, uris: set[str], unread: str | None) -> Step:
        found: dict[str, Stored] = {}
        folder = folder_of(shopper_id)
        elsewhere = 0
        try:
            for one in (folder, f"{READ}/{folder}"):
                async for some in self.store.find(one):
                    found |= {stored.key: stored for stored in some}
            for uri in sorted(uris):
                there = await self.store.stored(uri)
                if there is None:
                    elsewhere += 1
                else:
                    found |= {stored.key: stored for stored in there}
            if not self.dry_run:
                await self.store.remove_all(list(found.values()))
        except StoreError as error:
            return Step("photos", 0, error.failure.message)
        photos = sum(not key.startswith(f"{READ}/") for key in found)
        if elsewhere:
            return Step("photos", photos, f"{elsewhere} uploads point outside the store (HANGTAG_STORE_URL)")
        return Step("photos", photos, unread)

    async def _klaviyo(self, names: set[tuple[str, str]], unread: str | None) -> Step:
        done, troubles = 0, set[str]()
        if self.dry_run:
            return Step("klaviyo_profiles", done, "not asked in a dry run")
        for name, value in sorted(names):
            answer = await self._ask(Identity(**{_FIELDS.get(name, name): value}))
            if isinstance(answer, bool):
                done += answer
            elif isinstance(answer, Later | Misconfigured):
                setting = "HANGTAG_KLAVIYO_KEY" if self.properties else "HANGTAG_KLAVIYO_ERASURE_KEY"
                advice = f" ({setting})" if answer.reason == "no-key" else ""
                return Step("klaviyo_profiles", done, "; ".join([*sorted(troubles), answer.message + advice]))
            else:
                # Another name may do where Klaviyo refuses this one.
                troubles.add(answer.message)
        if unread is not None:
            unread = f"{unread}. Name the shopper's e-mail address or Klaviyo id if Klaviyo knows them by it"
            troubles.add(unread)
        return Step("klaviyo_profiles", done, "; ".join(sorted(troubles)) or None)

    async def _ask(self, identity: Identity) -> bool | Failure:
        for tried in range(_TRIES):
            if self.properties:
                answer = await clear(self.klaviyo, identity, self.properties)
            else:
                answer = await erase(self.klaviyo, identity)
            if not isinstance(answer, Later) or tried == _TRIES - 1:
                break
            await self.sleep(answer.retry_after or _PAUSE_S)
        return answer


#: Our fields of the identifiers whose names differ at Klaviyo.
_FIELDS: Final = {"id": "klaviyo_id"}
