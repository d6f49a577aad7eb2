"""
What one HTTP server of ours lets strangers hold: how many connections, and for how long. Pure: told the time, by names.

A connection waits until the head of a request has come; from then on the service itself answers for it. Nobody has
shown a token while it waits, so the longest waiting gives way to a newcomer.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

#: Open files that are left to everything else.
_SHARE_OF_FILES = 2
_MOST, _LEAST = 4096, 16


@dataclass(frozen=True, slots=True)
class ConnectionPolicy:
    """Limits of one server."""

    #: Connections in all.
    most: int = 1024
    #: Seconds from the first byte (or the connection) to the end of a request's head.
    head_s: float = 10.0
    #: Seconds from there to the end of its body.
    body_s: float = 60.0
    #: What is read and dropped after an answer that did not wait for the body, so that the answer can be read.
    drain_s: float = 20.0
    drain_bytes: int = 32 * 1024 * 1024

    @property
    def waiting(self) -> int:
        """Give how many may wait in all."""
        return max(1, self.most // 2)

    @property
    def waiting_per_address(self) -> int:
        """Give how many may wait from one address."""
        return max(1, self.most // 4)


def policy_for(open_files: int) -> ConnectionPolicy:
    """Choose limits for a process that may have so many files open."""
    return ConnectionPolicy(most=max(_LEAST, min(_MOST, open_files // _SHARE_OF_FILES)))


@dataclass(slots=True)
class Connections:
    """The connections of one server, and which of them must go."""

    policy: ConnectionPolicy
    _address_of: dict[Hashable, str] = field(default_factory=dict)
    #: The one that has waited longest comes first.
    _waiting: dict[Hashable, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._address_of)

    def opened(self, connection: Hashable, address: str) -> Hashable | None:
        """Count a new connection, which waits; gives the one that must be closed for it, maybe itself."""
        self._address_of[connection] = address
        self._waiting[connection] = None
        neighbours = [one for one in self._waiting if self._address_of[one] == address]
        if len(neighbours) > self.policy.waiting_per_address:
            return neighbours[0]
        if len(self._waiting) > self.policy.waiting or len(self) > self.policy.most:
            return next(iter(self._waiting))
        return None

    def asked(self, connection: Hashable) -> None:
        """Note that the head of a request has come."""
        self._waiting.pop(connection, None)

    def closed(self, connection: Hashable) -> None:
        """Forget a connection."""
        self._waiting.pop(connection, None)
        self._address_of.pop(connection, None)
