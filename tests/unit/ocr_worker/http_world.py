"""One server's protocol without a network: connections in memory, and a clock that the test turns on."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from ocr_worker.http.bounded_http import bounded_http
from ocr_worker.http.connection_policy import ConnectionPolicy


class Timer:
    """One call that is due at a time."""

    def __init__(self, due: float, call: Callable[[], Any]) -> None:
        self.due, self.call, self.cancelled = due, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """What the protocol uses of an event loop: tasks run at once, timers when the test turns the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[Timer] = []

    def call_later(self, seconds: float, call: Callable[..., Any], *args: Any) -> Timer:
        self._timers.append(Timer(self.now + seconds, lambda: call(*args)))
        return self._timers[-1]

    def create_task(self, work: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work, **options)

    def turn(self, seconds: float) -> None:
        """Run everything that is due within so many seconds, in order."""
        self.now += seconds
        while due := [timer for timer in self._timers if not timer.cancelled and timer.due <= self.now]:
            first = min(due, key=lambda timer: timer.due)
            first.cancel()
            first.call()


class Wire(asyncio.Transport):
    """One connection. `sent` is what the server wrote."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1), "sockname": ("127.0.0.1", 2)})
        self.sent = b""
        self.closed = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    @property
    def answers(self) -> int:
        return self.sent.count(b"HTTP/1.1 ")

    async def send(self, data: bytes) -> None:
        """Send to the server, and let it do all that it can without more data or time."""
        if not self.closed:
            self.protocol.data_received(data)
        await settled()


class Served:
    """A server of one app."""

    def __init__(self, app: Any, policy: ConnectionPolicy) -> None:
        self.clock = Clock()
        self._config = uvicorn.Config(app, http=bounded_http(policy), log_config=None, lifespan="off", access_log=False)
        self._config.load()
        self._state = ServerState()

    async def connect(self, address: str = "10.0.0.1") -> Wire:
        wire = Wire(address)
        wire.protocol = self._config.http_protocol_class(
            config=self._config, server_state=self._state, app_state={}, _loop=self.clock
        )
        wire.protocol.connection_made(wire)
        await settled()
        return wire


async def settled() -> None:
    """Let every task run until it waits for data, time or an event: none here takes more than a few turns."""
    for _ in range(30):
        await asyncio.sleep(0)
