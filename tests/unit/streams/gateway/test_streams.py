"""Event streams of the gateway: one event per change, the last one ends the stream, and callers may leave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from gateway_world import TOKEN, World, app_of, form
from prometheus_client import REGISTRY

from schemas.events import Messages, UploadFeedback
from streams.gateway.middleware import EveryAnswer


@pytest.fixture
def world() -> World:
    return World()


class Listener:
    """One caller of an event stream, who can leave; drives the app as a server would."""

    def __init__(self, app: EveryAnswer, path: str, **headers: str) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self._left = asyncio.Event()
        self._asked = False
        pairs = {"authorization": "Bearer planted"} | headers
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": "GET",
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in pairs.items()],
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status.set_result(message["status"])
        elif message.get("body"):
            self.said.put_nowait(message["body"].decode())

    async def leave(self) -> None:
        self._left.set()
        await asyncio.wait_for(self.task, 5)


@asynccontextmanager
async def posted(world: World) -> AsyncIterator[tuple[EveryAnswer, str]]:
    app = app_of(world)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway", headers=TOKEN
    ) as client:
        yield app, (await client.post("/uploads", **form())).headers["location"]


async def test_a_stream_sends_each_change_and_ends_after_the_last(world):
    async with posted(world) as (app, where):
        caller = Listener(app, f"{where}/events")
        first = await asyncio.wait_for(caller.said.get(), 5)
        assert first.startswith("event: status\ndata: {")
        moment = datetime.now(UTC)
        common = {"upload_id": where.removeprefix("/uploads/"), "shopper_id": "anna", "uploaded_at": moment}
        message = Messages(zh="图片已损坏，请重新上传", en="The photo is damaged; please upload it again")
        world.memory.note(UploadFeedback(**common, code="unreadable", messages=message, judged_at=moment), moment)
        last = await asyncio.wait_for(caller.said.get(), 5)
        assert last.startswith("event: status\nid: final\ndata: {")
        assert "please upload it again" in last
        await asyncio.wait_for(caller.task, 5)

        returning = Listener(app, f"{where}/events", last_event_id="final")
        assert await asyncio.wait_for(returning.status, 5) == 204


async def test_a_caller_that_goes_away_frees_its_stream_and_a_stop_ends_all(world):
    def streams() -> float | None:
        return REGISTRY.get_sample_value("hangtag_gateway_streams")

    async with posted(world) as (app, where):
        first = Listener(app, f"{where}/events")
        await asyncio.wait_for(first.said.get(), 5)
        assert streams() == 1
        assert await asyncio.wait_for(Listener(app, f"{where}/events").status, 5) == 503
        await first.leave()
        assert streams() == 0

        second = Listener(app, f"{where}/events")
        await asyncio.wait_for(second.said.get(), 5)
        world.memory.close()
        await asyncio.wait_for(second.task, 5)
        assert streams() == 0
