"""
Keeps a gateway from telling, or taking, anything of a shopper who was forgotten.

Knows no HTTP. Of shoppers it holds digests only, each as long as the gateway remembers the upload. Used from one event
loop only.
"""

import asyncio
from collections.abc import Collection, Iterable
from typing import Protocol

from klaviyo_sink.state.ledgers import digest
from streams.erasure.guard import REFRESH_S
from streams.gateway.memory import Memory


class Ledger(Protocol):
    """The erasure ledger: `streams.erasure.guard.ForgottenShoppers`."""

    async def refresh(self) -> None:
        """Read it again where it was read too long ago."""
        ...

    def knows_digest(self, shopper_digest: str) -> bool:
        """Tell whether the shopper with this digest was forgotten."""
        ...


class ForgottenUploads:
    """Whose the remembered uploads are, so that those of a forgotten shopper can be dropped from the memory."""

    def __init__(self, memory: Memory, ledger: Ledger | None) -> None:
        """Take the memory to drop from. Without a ledger nobody was forgotten."""
        self._memory, self._ledger = memory, ledger
        #: A message may name another shopper than the others of its upload: the upload is each one's.
        self._owners: dict[str, frozenset[str]] = {}

    def note_owners(self, upload_id: str, shopper_ids: Iterable[str]) -> None:
        """Note whose an upload is, besides those who were noted before."""
        self._owners[upload_id] = self._owners.get(upload_id, frozenset()).union(map(digest, shopper_ids))
        if len(self._owners) > 2 * len(self._memory) + 100:
            self._owners = {one: owners for one, owners in self._owners.items() if self._memory.get(one) is not None}

    async def includes(self, shopper_id: str) -> bool:
        """Tell whether a shopper was forgotten."""
        return await self._forgot_any({digest(shopper_id)})

    async def hides(self, upload_id: str) -> bool:
        """Tell whether an upload is of a shopper who was forgotten; drops it then."""
        if not await self._forgot_any(self._owners.get(upload_id, ())):
            return False
        self._drop(upload_id)
        return True

    async def keep_dropping(self) -> None:
        """Drop the uploads of whoever is forgotten meanwhile; never ends."""
        while self._ledger is not None:
            await self._ledger.refresh()
            gone = [one for one, owners in self._owners.items() if any(map(self._ledger.knows_digest, owners))]
            for upload_id in gone:
                self._drop(upload_id)
            await asyncio.sleep(REFRESH_S)

    async def _forgot_any(self, owners: Collection[str]) -> bool:
        if self._ledger is None or not owners:
            return False
        await self._ledger.refresh()
        return any(map(self._ledger.knows_digest, owners))

    def _drop(self, upload_id: str) -> None:
        self._memory.drop(upload_id)
        self._owners.pop(upload_id, None)
