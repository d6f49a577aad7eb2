"""
Finds the photo that crashes or blocks workers.

A worker that crashes fails all its photos, most of them harmless. Each of them is then read alone on a worker. Only a
photo that fails while alone is the cause. Pure: knows photos by their digests.
"""

from dataclasses import dataclass

#: Failures of a photo while alone on a worker, after which it is the cause.
TRIES_ALONE = 3
#: Time-outs next to other photos that count as load. After one more, the photo is read alone.
_PATIENCE = 1
#: Each time-out doubles the photo's deadline, up to this many times.
_MOST_DOUBLINGS = 2
#: Number of photos remembered; the oldest is dropped first.
_MOST = 10_000


@dataclass(slots=True)
class Suspicion:
    """The failures of one photo."""

    #: Whether it must be read alone.
    alone: bool = False
    failures_alone: int = 0
    time_outs: int = 0

    @property
    def patience(self) -> int:
        """Factor by which its deadline is longer than usual."""
        return 1 << min(self.time_outs, _MOST_DOUBLINGS)


_NONE = Suspicion()


class Suspects:
    """Photos that failed, by digest."""

    def __init__(self) -> None:
        self._known: dict[bytes, Suspicion] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def of(self, digest: bytes) -> Suspicion:
        """Return the failures of a photo."""
        return self._known.get(digest, _NONE)

    def broke_off(self, digest: bytes, *, alone: bool) -> bool:
        """Record that the connection broke while a worker had the photo. Return whether the photo is the cause."""
        one = self._note(digest)
        one.alone = True
        return alone and self._failed_alone(digest, one)

    def timed_out(self, digest: bytes, *, alone: bool) -> bool:
        """Record a time-out. Return whether the photo is the cause."""
        one = self._note(digest)
        one.time_outs += 1
        one.alone = one.alone or one.time_outs > _PATIENCE
        return alone and self._failed_alone(digest, one)

    def clear(self, digest: bytes) -> None:
        """Forget the photo's failures, because a worker has responded."""
        self._known.pop(digest, None)

    def _failed_alone(self, digest: bytes, one: Suspicion) -> bool:
        one.failures_alone += 1
        if one.failures_alone < TRIES_ALONE:
            return False
        self.clear(digest)
        return True

    def _note(self, digest: bytes) -> Suspicion:
        one = self._known.pop(digest, None) or Suspicion()
        self._known[digest] = one
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return one
