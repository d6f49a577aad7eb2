"""An event loop whose clock jumps to the next due time: hours pass in milliseconds, and each run is the same."""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any


class _NoFiles:
    """Stands in for the selector: the loop waits only for time."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self.loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everyone waits for each other")
        self.loop.now += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs without threads, sockets and real time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = _NoFiles(self)
        self._clock_resolution = 1e-9
        #: Exceptions that nobody caught: of callbacks, and of tasks whose result nobody took.
        self.uncaught: list[BaseException] = []
        self.set_exception_handler(self._note)

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.uncaught.append(context.get("exception") or RuntimeError(context["message"]))

    def time(self) -> float:
        return self.now

    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to the end; the first exception that nobody caught is raised then."""
        asyncio.set_event_loop(self)
        try:
            result = self.run_until_complete(work)
            if self.uncaught:
                raise self.uncaught[0]
            return result
        finally:
            heapq.heapify(self._scheduled)
            asyncio.set_event_loop(None)
            self.close()
