"""
Limits the connections of one HTTP server: how many, and how long each may take. Pure: the caller passes the time.

A connection waits until the head of a request has arrived. Waiting connections have shown no token yet, so the one that
has waited longest is closed for a new one. After the head, the service itself decides. Between two requests a
connection rests. When there are too many connections, the one that has rested longest is closed first.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import chain

#: Open files reserved for everything else.
_SHARE_OF_FILES = 2
_MOST, _LEAST = 4096, 16


@dataclass(frozen=True, slots=True)
class ConnectionPolicy:
    """Limits of one server."""

    #: Most connections.
    most: int = 1024
    #: Seconds from the first byte (or the connection) to the end of a request's head.
    head_s: float = 10.0
    #: Seconds from there to the end of its body.
    body_s: float = 60.0
    #: Limits for reading and dropping the rest of a body after an early response, so that the client can read it.
    drain_s: float = 20.0
    drain_bytes: int = 32 * 1024 * 1024

    @property
    def waiting(self) -> int:
        """Most connections that may wait."""
        return max(1, self.most // 2)

    @property
    def waiting_per_address(self) -> int:
        """Most connections that may wait from one address."""
        return max(1, self.most // 4)


def policy_for(open_files: int) -> ConnectionPolicy:
    """Return limits for a process that may have this many files open."""
    return ConnectionPolicy(most=max(_LEAST, min(_MOST, open_files // _SHARE_OF_FILES)))


@dataclass(slots=True)
class Connections:
    """The connections of one server. Decides which ones must be closed."""

    policy: ConnectionPolicy
    _address_of: dict[Hashable, str] = field(default_factory=dict)
    #: Waiting and resting connections, oldest first.
    _waiting: dict[Hashable, None] = field(default_factory=dict)
    _resting: dict[Hashable, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._address_of)

    def opened(self, connection: Hashable, address: str) -> Hashable | None:
        """Add a new, waiting connection. Return the one to close for it, which may be itself, or None."""
        self._address_of[connection] = address
        self._waiting[connection] = None
        neighbours = [one for one in self._waiting if self._address_of[one] == address]
        if len(neighbours) > self.policy.waiting_per_address:
            return neighbours[0]
        if len(self._waiting) > self.policy.waiting:
            return next(iter(self._waiting))
        if len(self) > self.policy.most:
            return next(chain(self._resting, self._waiting))
        return None

    def asked(self, connection: Hashable) -> None:
        """Record that the head of a request has arrived."""
        self._waiting.pop(connection, None)
        self._resting.pop(connection, None)

    def rests(self, connection: Hashable) -> None:
        """Record that a response is complete and the client may send another request."""
        if connection in self._address_of:
            self._resting[connection] = None

    def resumes(self, connection: Hashable) -> None:
        """Record that a resting connection sends again: it waits until the head has arrived."""
        if connection in self._resting:
            del self._resting[connection]
            self._waiting[connection] = None

    def closed(self, connection: Hashable) -> None:
        """Remove a connection."""
        self.asked(connection)
        self._address_of.pop(connection, None)
