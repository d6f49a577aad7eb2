"""
Which OCR worker is next: the least busy of those that are well. Failing ones are left out and come back slowly.

Pure: told the time and what happened; sends nothing.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

WorkerState = Literal["ready", "returning", "out"]

#: Failures in a row before a worker that still answers is left out.
_PATIENCE = 3
#: Seconds it is left out at first; twice as long each time it fails again on its return.
_OUT_S = 1.0
_MOST_OUT_S = 30.0
#: A worker that comes back gets one photo at a time, then two, and so on; from here on as many as come.
_ALL_BACK = 32


@dataclass(slots=True, eq=False)
class Worker:
    """One worker. `host` is its name where `url` holds one of the name's addresses."""

    url: str
    host: str | None = None
    #: Photos under way.
    in_flight: int = 0
    #: In a row.
    failures: int = 0
    outs: int = 0
    #: Not asked before this time.
    ready_at: float = -math.inf
    #: Most photos at once while it returns.
    room: int | None = None
    #: It gets no photo but the one that must be alone with it.
    reserved: bool = False

    def state(self, now: float) -> WorkerState:
        """Tell how it is doing."""
        if now < self.ready_at:
            return "out"
        return "ready" if self.room is None else "returning"

    def fits(self, now: float) -> bool:
        """Tell whether it may be sent a photo."""
        return now >= self.ready_at and not self.reserved and (self.room is None or self.in_flight < self.room)

    def succeeded(self) -> None:
        """It answered as a worker should: let it have more."""
        self.failures = 0
        if self.room is not None:
            self.room *= 2
            if self.room > _ALL_BACK:
                self.room, self.outs = None, 0

    def failed(self, now: float, *, gone: bool) -> None:
        """It did not. `gone`: there is not even a connection, so there is no use in asking again at once."""
        self.failures += 1
        if now < self.ready_at:
            # One outage, noticed by every photo under way: it counts once.
            return
        if gone or self.room is not None or self.failures >= _PATIENCE:
            self.outs += 1
            self.ready_at = now + min(_MOST_OUT_S, _OUT_S * 2.0 ** min(self.outs - 1, 10))
            self.room, self.failures = 1, 0

    def rest(self, until: float) -> None:
        """It is full and said until when; it is not ill."""
        self.ready_at = max(self.ready_at, until)


class Roster:
    """The workers, the one used longest ago first."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self._workers = list(workers)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """All of them."""
        return tuple(self._workers)

    def pick(self, now: float) -> Worker | None:
        """Choose the least busy worker that is well, of equals the one used longest ago."""
        fit = [worker for worker in self._workers if worker.fits(now)]
        if not fit:
            return None
        chosen = min(fit, key=lambda worker: worker.in_flight)
        self._workers.remove(chosen)
        self._workers.append(chosen)
        return chosen

    def wait_s(self, now: float) -> float:
        """Give the seconds until some worker may be asked again; 0 when one may be already."""
        return max(0.0, min((worker.ready_at for worker in self._workers), default=now) - now)

    def replace(self, host: str, urls: Iterable[str]) -> None:
        """Take what a name stands for now: new addresses join, vanished ones go, known ones keep their record."""
        wanted = dict.fromkeys(urls)
        known = {worker.url for worker in self._workers if worker.host == host}
        self._workers = [worker for worker in self._workers if worker.host != host or worker.url in wanted]
        self._workers += [Worker(url, host) for url in wanted if url not in known]


def at_address(url: str, address: str) -> str:
    """Put an address in the place of the name in a URL."""
    parts = urlsplit(url)
    shown = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=shown if parts.port is None else f"{shown}:{parts.port}").geturl()
