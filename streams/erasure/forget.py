"""
Erases a shopper everywhere, step by step: the database, the photos, Klaviyo.

Enters the shopper into the erasure ledger first, so that no queued or replayed event can restore data that a later
step has removed. Every step can be repeated, so a second run finishes an interrupted one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Literal

from sqlalchemy import Engine

from klaviyo_sink.profile.style import identifiers
from klaviyo_sink.state.database import reading
from klaviyo_sink.state.forgetting import forget as forget_in_database
from klaviyo_sink.state.forgetting import known_of, rewrite_tables
from klaviyo_sink.state.ledgers import forgotten
from schemas.events import Identity
from streams.config.settings import Settings
from streams.erasure.claims import Claims, add_indexed, add_others, add_own, topics_with_claims
from streams.erasure.guard import REFRESH_S
from streams.erasure.photos import remove_photos
from streams.erasure.profiles import Action, Found, KlaviyoAccess, NameUse, users_of
from streams.index.entry import Place
from streams.index.lookup import UploadIndex
from streams.kafka.places import read_places
from streams.kafka.reader import UnreadableTopicError, follow
from streams.photos.bucket.versions import BucketVersions
from streams.photos.store import PhotoStore

What = Literal["style_profiles", "written_events", "photos", "klaviyo_profiles"]


@dataclass(frozen=True, slots=True)
class ErasureStep:
    """What one step removed, or would remove. `trouble` says why something may be left."""

    what: What
    removed: int
    trouble: str | None = None
    #: What a person may still do. The erasure is complete without it.
    note: str | None = None
    #: For Klaviyo: the shopper's identifiers, who else uses each, and what is done.
    names: tuple[NameUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Forgetting:
    """The erasure of one shopper, with everything it needs."""

    settings: Settings
    engine: Engine
    store: PhotoStore
    klaviyo: KlaviyoAccess
    now: Callable[[], datetime]
    dry_run: bool = False
    #: The bucket's old versions; None for a store without accessible versions.
    versions: BucketVersions | None = None
    #: Finds the shopper's events and who else uses their identifiers; None to read all topics for that.
    index: UploadIndex | None = None
    #: Called with the current step.
    tell: Callable[[str], None] = lambda _doing: None

    async def run(self, shopper_id: str, identity: Identity) -> AsyncIterator[ErasureStep]:
        """
        Erase the shopper. Klaviyo may know them by `identity`, by the shop's id, or by identifiers in the topics.

        Raises:
            SQLAlchemyError: The state database failed. Nothing was removed elsewhere, unless a step before did.

        """
        self.tell("the state database")
        at = self.now()
        own = await asyncio.to_thread(self._own_places, shopper_id)
        work = known_of if self.dry_run else partial(forget_in_database, at=at)
        dropped = await asyncio.to_thread(work, self.engine, shopper_id)
        if not self.dry_run:
            self.tell("rewriting the database's files")
        left = None if self.dry_run else await asyncio.to_thread(rewrite_tables, self.engine)
        yield ErasureStep("style_profiles", dropped.style_profiles, note=left)
        yield ErasureStep("written_events", dropped.written_events)
        if dropped.forgotten_at is not None and not self.dry_run:
            await self._settle(at - dropped.forgotten_at)
        self.tell("reading topics")
        claims = Claims()
        claims.add_names(shopper_id, [*identifiers(identity), *identifiers(Identity(external_id=shopper_id))])
        unread = await self._read(partial(self._add_own, own), claims, shopper_id)
        self.tell("looking up profiles")
        found = await self.klaviyo.find(claims.names)
        for profile in found.profiles:
            claims.add_names(shopper_id, profile.names)
        self.tell("reading topics again, for who else uses these names")
        unread = unread or await self._read(self._add_others, claims, shopper_id)
        claims = await asyncio.to_thread(self._without_forgotten, claims)
        self.tell("photos")
        photos = await remove_photos(
            self.store, shopper_id, claims.photos, dry_run=self.dry_run, now=at, versions=self.versions
        )
        trouble = "; ".join([*photos.troubles, *([unread] if unread else [])]) or None
        yield ErasureStep("photos", photos.removed, trouble, photos.note)
        self.tell("Klaviyo")
        yield await self._klaviyo(found, claims, unread)

    async def _read(self, read: Callable[[Claims, str], None], claims: Claims, shopper_id: str) -> str | None:
        """Read the topics into the claims; return why that failed, or None."""
        try:
            await asyncio.to_thread(read, claims, shopper_id)
        except UnreadableTopicError as error:
            return str(error)
        return None

    def _own_places(self, shopper_id: str) -> tuple[Place, ...] | None:
        """
        Return the places of the shopper's messages. Call it before the index forgets them.

        Returns None if the index has forgotten them or lacks some: then all topics are read.
        """
        if self.index is None:
            return None
        with reading(self.engine) as connection:
            if forgotten(connection, {shopper_id}):
                return None
        entries = self.index.entries_of(shopper_id)
        return None if any(one.more for one in entries) else tuple(place for one in entries for place in one.places)

    def _add_own(self, own: tuple[Place, ...] | None, claims: Claims, shopper_id: str) -> None:
        names = topics_with_claims(self.settings)
        if self.index is None or own is None:
            add_own(claims, follow(self.settings, names), self.settings, shopper_id)
            return
        known = read_places(self.settings, (place for place in own if place[0] in names))
        add_own(claims, chain(known, self.index.messages_since(names)), self.settings, shopper_id)

    def _add_others(self, claims: Claims, shopper_id: str) -> None:
        names = topics_with_claims(self.settings)
        if self.index is None:
            add_others(claims, follow(self.settings, names), self.settings, shopper_id)
            return
        add_indexed(claims, self.index, shopper_id)
        add_others(claims, self.index.messages_since(names), self.settings, shopper_id)

    def _without_forgotten(self, claims: Claims) -> Claims:
        """Remove the claims of forgotten shoppers, so that the last shopper of a shared profile erases it."""
        with reading(self.engine) as connection:
            return claims.without(forgotten(connection, claims.others()))

    async def _settle(self, forgotten_for: timedelta) -> None:
        """Wait for work that began before the ledger entry: a stage's event, a request to Klaviyo."""
        takes_s = max(self.settings.klaviyo_timeout_s, 2 * REFRESH_S)
        # If the clock was set back since, an earlier entry seems to be in the future.
        left_s = takes_s - max(forgotten_for.total_seconds(), 0)
        if left_s > 0:
            self.tell(f"waiting {left_s:.0f} s for work in progress")
            await self.klaviyo.sleep(left_s)

    async def _klaviyo(self, found: Found, claims: Claims, unread: str | None) -> ErasureStep:
        done, names = 0, list[NameUse]()
        troubles = set(found.troubles)
        for profile in found.profiles:
            used_by = users_of(profile, claims.names)
            action = self.klaviyo.action_for(used_by)
            if unread and action == "erase" and not self.klaviyo.include_shared:
                action = "unknown"
            names += [NameUse(*name, used_by, action) for name in sorted({*profile.claimed, *profile.names})]
            if self.dry_run or action == "unknown":
                continue
            trouble = await self.klaviyo.carry_out(profile, action)
            done += trouble is None
            troubles |= {trouble} if trouble else set()
        listed = {(one.kind, one.value) for one in names}
        for name, others in sorted(claims.names.items()):
            if name not in listed:
                missing: Action = "no profile" if name in found.unknown else "unknown"
                names.append(NameUse(*name, tuple(sorted(others)), missing))
        if found.stopped is not None:
            troubles.add(found.stopped)
        if unread is not None:
            troubles.add(
                f"{unread}. Without the topics it is unknown who else uses a profile, so none is erased unless you "
                "pass --include-shared. Pass the shopper's e-mail address or Klaviyo id if Klaviyo knows them by it"
            )
        return ErasureStep("klaviyo_profiles", done, "; ".join(sorted(troubles)) or None, names=tuple(names))
