"""A sandbox without a socket, and the bodies that its tests send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from klaviyo_sink.sandbox.app import create_app

KEY = "pk_local"
HEADERS = {
    "Authorization": f"Klaviyo-API-Key {KEY}",
    "revision": "2026-07-15",
    "content-type": "application/vnd.api+json",
}


class Api:
    """Calls the sandbox. An unexpected answer fails the test and prints the answer."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **query: str) -> Any:
        return await self.write("GET", path, query=query)

    async def write(self, method: str, path: str, body: Any = None, *, query: Any = None) -> Any:
        answer = await self.http.request(method, path, json=body, params=query or None, headers=HEADERS)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def refused(self, status: int, method: str, path: str, body: Any = None, *, query: Any = None) -> Any:
        answer = await self.http.request(method, path, json=body, params=query or None, headers=HEADERS)
        assert answer.status_code == status, answer.text
        return answer.json()["errors"][0]

    async def state(self) -> Any:
        return (await self.http.get("/sandbox/state")).json()

    async def order(self, what: str, **order: Any) -> None:
        (await self.http.post(f"/sandbox/{what}", json=order)).raise_for_status()


@asynccontextmanager
async def open_api(clock, **more: Any) -> AsyncIterator[Api]:
    app = create_app(KEY, now=clock.now, clock=clock.monotonic, speed=1000, **more)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as http:
        yield Api(http)


def of(kind: str, attributes: Any = None, **more: Any) -> dict[str, Any]:
    return {"data": {"type": kind, **more, **({} if attributes is None else {"attributes": attributes})}}


def profile(**attributes: Any) -> dict[str, Any]:
    return of("profile", attributes)


def event(metric: str, who: dict[str, Any], *, said: Any = None, **more: Any) -> dict[str, Any]:
    body = {"metric": of("metric", {"name": metric}), "properties": said or {}, "profile": profile(**who), **more}
    return of("event", body)
