"""
Keeps the pool's workers in step with the addresses of their DNS names.

Knows no photo and sends no request.
"""

import asyncio
import ipaddress
import math
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from ocr_worker.pool.roster import Roster, at_address

#: Prefix of a URL that means one worker per address of its name: `dns+http://ocr:8000`.
BY_NAME = "dns+"
#: Seconds between two look-ups of the names.
_LOOK_UP_S = 10.0
#: Seconds between two look-ups after a name could not be resolved.
_LOOK_UP_AGAIN_S = 1.0

#: Returns the addresses of a host name; raises OSError if it cannot be resolved.
Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def look_up(host: str) -> list[str]:
    """Return the addresses of a host name, sorted. Raises OSError if it cannot be resolved."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found}, key=ipaddress.ip_address)


class NamedWorkers:
    """The URLs whose names are looked up, and the roster that gets one worker per address."""

    def __init__(self, urls: Sequence[str], roster: Roster, resolve: Resolve, clock: Callable[[], float]) -> None:
        self._urls, self._roster, self._resolve, self._clock = tuple(urls), roster, resolve, clock
        self._due = -math.inf
        self._lock = asyncio.Lock()

    async def refresh(self) -> None:
        """Look the names up again if that is due. Concurrent calls share one look-up."""
        if not self._urls or self._clock() < self._due:
            return
        async with self._lock:
            if self._clock() < self._due:
                return
            wait = _LOOK_UP_S
            for url in self._urls:
                parts = urlsplit(url)
                try:
                    found = await self._resolve(parts.hostname or "")
                except OSError:
                    # Keep the addresses of the last look-up: they are the best guess.
                    wait = _LOOK_UP_AGAIN_S
                    continue
                self._roster.replace(parts.netloc, [at_address(url, address) for address in found])
            self._due = self._clock() + wait
