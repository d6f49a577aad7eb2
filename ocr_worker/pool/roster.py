"""
Chooses the OCR worker for the next photo: the least busy healthy one. Failing workers are excluded and return slowly.

Pure: the caller passes the time and the results; sends nothing.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

WorkerState = Literal["ready", "returning", "out"]

#: Failures in a row after which a worker that still responds is excluded.
_PATIENCE = 3
#: Seconds of the first exclusion; each failure after a return doubles them.
_OUT_S = 1.0
_MOST_OUT_S = 30.0
#: A returning worker first gets one photo at a time, then two, four and so on. Above this number it has no limit.
_ALL_BACK = 32


@dataclass(slots=True, eq=False)
class Worker:
    """One worker. If `url` contains an address that a name resolved to, `host` is the name."""

    url: str
    host: str | None = None
    #: Photos in flight.
    in_flight: int = 0
    #: Failures in a row.
    failures: int = 0
    outs: int = 0
    #: Monotonic time before which it gets no photo.
    ready_at: float = -math.inf
    #: Most photos in flight while it returns; None: no limit.
    room: int | None = None
    #: True while one photo has the worker to itself; it gets no other.
    reserved: bool = False

    def state(self, now: float) -> WorkerState:
        """Return whether the worker is excluded, returning or ready."""
        if now < self.ready_at:
            return "out"
        return "ready" if self.room is None else "returning"

    def fits(self, now: float) -> bool:
        """Return whether the worker may get a photo now."""
        return now >= self.ready_at and not self.reserved and (self.room is None or self.in_flight < self.room)

    def succeeded(self) -> None:
        """Record a success: a returning worker may then have more photos."""
        self.failures = 0
        if self.room is not None:
            self.room *= 2
            if self.room > _ALL_BACK:
                self.room, self.outs = None, 0

    def failed(self, now: float, *, gone: bool) -> None:
        """Record a failure. `gone`: the connection failed, so the worker is excluded at once."""
        self.failures += 1
        if now < self.ready_at:
            # All photos in flight notice the same outage; it counts once.
            return
        if gone or self.room is not None or self.failures >= _PATIENCE:
            self.outs += 1
            self.ready_at = now + min(_MOST_OUT_S, _OUT_S * 2.0 ** min(self.outs - 1, 10))
            self.room, self.failures = 1, 0

    def rest(self, until: float) -> None:
        """Send it nothing before `until`: it is full, which is not a failure."""
        self.ready_at = max(self.ready_at, until)


class Roster:
    """The workers, least recently used first."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self._workers = list(workers)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers, least recently used first."""
        return tuple(self._workers)

    def pick(self, now: float) -> Worker | None:
        """Return the least busy healthy worker; of equals, the least recently used. None if there is none."""
        fit = [worker for worker in self._workers if worker.fits(now)]
        if not fit:
            return None
        chosen = min(fit, key=lambda worker: worker.in_flight)
        self._workers.remove(chosen)
        self._workers.append(chosen)
        return chosen

    def wait_s(self, now: float) -> float:
        """Return the seconds until a worker may be tried again; 0 if one may be tried now."""
        return max(0.0, min((worker.ready_at for worker in self._workers), default=now) - now)

    def replace(self, host: str, urls: Iterable[str]) -> None:
        """Set the workers of a name: new addresses are added, missing ones removed, the others keep their state."""
        wanted = dict.fromkeys(urls)
        known = {worker.url for worker in self._workers if worker.host == host}
        self._workers = [worker for worker in self._workers if worker.host != host or worker.url in wanted]
        self._workers += [Worker(url, host) for url in wanted if url not in known]


def at_address(url: str, address: str) -> str:
    """Return the URL with its host name replaced by an address."""
    parts = urlsplit(url)
    shown = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=shown if parts.port is None else f"{shown}:{parts.port}").geturl()
