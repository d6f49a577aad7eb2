"""What the Klaviyo tests share: outfits to tag, a clock to turn, and the real sandbox on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.sink import SinkConfig
from schemas.events import Engine, Identity, Labels, OutfitTagged, Tag

KEY = "pk_0123456789abcdef"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def outfit() -> Callable[..., OutfitTagged]:
    def make(upload_id: str = "u1", *tags: str, shopper_id: str = "s1", **fields: Any) -> OutfitTagged:
        ids = tags or ("material/cotton", "category/t-shirt")
        return OutfitTagged(
            **{
                "upload_id": upload_id,
                "shopper_id": shopper_id,
                "uploaded_at": NOON,
                "tagged_at": NOON + timedelta(seconds=1),
                "identity": Identity(external_id=shopper_id),
                "tags": tuple(
                    Tag(
                        id=one,
                        category=one.partition("/")[0],
                        value=one.partition("/")[2],
                        labels=Labels(en="", zh=""),
                        score=0.9,
                        evidence=(),
                    )
                    for one in ids
                ),
                "lexicon_version": "lex-1",
                "engine": Engine(name="rapid", model="m", revision="r"),
            }
            | fields
        )

    return make


@dataclass
class Clock:
    """A clock that stands until it is turned."""

    at: datetime = NOON
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Sandbox:
    """The running sandbox, seen from outside."""

    url: str
    http: httpx.AsyncClient = field(repr=False)

    async def state(self) -> dict[str, Any]:
        return (await self.http.get("/sandbox/state")).json()

    async def order(self, **plan: Any) -> None:
        (await self.http.post("/sandbox/faults", json=plan)).raise_for_status()

    async def posts(self, path: str = "/api/events") -> int:
        counters = (await self.state())["counters"]
        return sum(count for name, count in counters.items() if name.startswith(f"POST {path} "))


@asynccontextmanager
async def running(key: str, clock: Clock) -> AsyncIterator[Sandbox]:
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app(key, now=clock.now, clock=clock.monotonic))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    url = url_of(listening)
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield Sandbox(url, http)
    server.should_exit = True
    await serving


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[Sandbox]:
    async with running(KEY, clock) as sandbox:
        yield sandbox


@pytest.fixture
async def other_account(clock: Clock) -> AsyncIterator[Sandbox]:
    async with running("pk_other", clock) as sandbox:
        yield sandbox


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> SinkConfig:
    return SinkConfig(url=sandbox.url, key=SecretStr(KEY), state_url=f"sqlite:///{tmp_path}/state/state.db")
