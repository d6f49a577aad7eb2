"""
Hides and rejects uploads of forgotten shoppers.

Knows no HTTP. Holds only digests of shoppers, each as long as the gateway remembers the upload. Use it from one event
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
        """Read the ledger again if the last read is too old."""
        ...

    def knows_digest(self, shopper_digest: str) -> bool:
        """Return whether the shopper with this digest was forgotten."""
        ...


class ForgottenUploads:
    """Knows the shopper of each remembered upload, to drop the uploads of forgotten shoppers from the memory."""

    def __init__(self, memory: Memory, ledger: Ledger | None) -> None:
        """Create it for the memory to drop from. Without a ledger nobody was forgotten."""
        self._memory, self._ledger = memory, ledger
        #: Messages of one upload may name different shoppers; the upload then belongs to all of them.
        self._owners: dict[str, frozenset[str]] = {}

    def note_owners(self, upload_id: str, shopper_ids: Iterable[str]) -> None:
        """Add shoppers of an upload. The memory may learn of the upload afterwards."""
        if len(self._owners) > 2 * len(self._memory) + 100:
            self._owners = {one: owners for one, owners in self._owners.items() if self._memory.get(one) is not None}
        self._owners[upload_id] = self._owners.get(upload_id, frozenset()).union(map(digest, shopper_ids))

    async def includes(self, shopper_id: str) -> bool:
        """Return whether a shopper was forgotten."""
        return await self._forgot_any({digest(shopper_id)})

    async def hides(self, upload_id: str) -> bool:
        """Return whether one of an upload's shoppers was forgotten; if so, drop the upload."""
        if not await self._forgot_any(self._owners.get(upload_id, ())):
            return False
        self._drop([upload_id])
        return True

    async def keep_dropping(self) -> None:
        """Drop the uploads of shoppers as they are forgotten; runs for ever."""
        while self._ledger is not None:
            await self._ledger.refresh()
            self._drop([one for one, owners in self._owners.items() if any(map(self._ledger.knows_digest, owners))])
            await asyncio.sleep(REFRESH_S)

    async def _forgot_any(self, owners: Collection[str]) -> bool:
        if self._ledger is None or not owners:
            return False
        await self._ledger.refresh()
        return any(map(self._ledger.knows_digest, owners))

    def _drop(self, upload_ids: Collection[str]) -> None:
        self._memory.drop(upload_ids)
        for upload_id in upload_ids:
            self._owners.pop(upload_id, None)
