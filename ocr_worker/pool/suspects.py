"""
Which photos may have ended a worker, or kept it for too long, and which were alone with it when it happened again.

A worker that dies takes innocent photos with it: they are read again one at a time, and only a photo that fails alone
is to blame. Pure: knows photos by their digests.
"""

from dataclasses import dataclass

#: Failures of a photo that was alone with a worker, after which it is to blame.
TRIES_ALONE = 3
#: Time-outs in company that are put down to the worker's load. With the next one the photo is read alone.
_PATIENCE = 1
#: A deadline doubles with each time-out, up to so many times.
_MOST_DOUBLINGS = 2
#: Photos remembered; the oldest one is forgotten first.
_MOST = 10_000


@dataclass(slots=True)
class Suspicion:
    """What is held against one photo."""

    #: It must be alone with a worker.
    alone: bool = False
    failures_alone: int = 0
    time_outs: int = 0

    @property
    def patience(self) -> int:
        """How many times the usual deadline it gets."""
        return 1 << min(self.time_outs, _MOST_DOUBLINGS)


_NONE = Suspicion()


class Suspects:
    """Photos under suspicion, by digest."""

    def __init__(self) -> None:
        self._known: dict[bytes, Suspicion] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def of(self, digest: bytes) -> Suspicion:
        """Give what is held against a photo."""
        return self._known.get(digest, _NONE)

    def broke_off(self, digest: bytes, *, alone: bool) -> bool:
        """Note that the worker broke off on it; tells whether the photo is to blame."""
        one = self._note(digest)
        one.alone = True
        return alone and self._failed_alone(digest, one)

    def timed_out(self, digest: bytes, *, alone: bool) -> bool:
        """Note that it took too long; tells whether the photo is to blame."""
        one = self._note(digest)
        one.time_outs += 1
        one.alone = one.alone or one.time_outs > _PATIENCE
        return alone and self._failed_alone(digest, one)

    def clear(self, digest: bytes) -> None:
        """Forget what was held against it: a worker has answered."""
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
