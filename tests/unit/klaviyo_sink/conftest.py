"""What the Klaviyo tests share: outfits, a clock to turn, the real sandbox on a real socket, and an OAuth merchant."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from outfits import NOON
from outfits import outfit as make_outfit
from pydantic import SecretStr

from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.sink import Sink, SinkConfig, open_sink
from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.tables import metadata
from schemas.events import OutfitTagged

KEY = "pk_0123456789abcdef"


@pytest.fixture(scope="session")
def outfit() -> Callable[..., OutfitTagged]:
    return make_outfit


@pytest.fixture
def schema_drift() -> Callable[[str], list[Any]]:
    """Tell where a migrated database is other than the tables that the code uses."""

    def drift(url: str) -> list[Any]:
        engine = open_database(url)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": "hangtag_sink_version"})
            found = compare_metadata(context, metadata)
        engine.dispose()
        return found

    return drift


@pytest.fixture(scope="session")
def forget_shopper() -> Callable[..., None]:
    """Forget a shopper in a state database, as another process does."""

    def forget_shopper(url: str, shopper_id: str = "s1", *, at: datetime = NOON) -> None:
        engine = open_database(url)
        forget(engine, shopper_id, at=at)
        engine.dispose()

    return forget_shopper


@dataclass
class Clock:
    """A clock that stands still until the test advances it."""

    at: datetime = NOON
    seconds: float = 0.0

    async def run(self) -> None:
        """Go on by itself, 25 times as fast, so that a budget refills."""
        while True:
            await asyncio.sleep(0.02)
            self.at += timedelta(seconds=0.5)

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


@pytest.fixture
async def sink(config: SinkConfig, clock: Clock) -> AsyncIterator[Sink]:
    sink = await open_sink(config, now=clock.now)
    yield sink
    await sink.aclose()


class Merchant(BaseHTTPRequestHandler):
    """Klaviyo's token endpoint, which knows one code and renews any pair, and pages for who has the newest token."""

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.server.forms.append(form | {"signed": self.headers["authorization"].startswith("Basic ")})
        if self.server.status != 200 or form.get("code", ["code-1"]) != ["code-1"]:
            return self.reply(max(self.server.status, 400), {"error": "invalid_grant"})
        number = len(self.server.forms)
        self.server.good = f"access-{number}"
        tokens = {"access_token": self.server.good, "refresh_token": f"refresh-{number}", "expires_in": 3600}
        return self.reply(200, tokens)

    def do_GET(self):
        good = self.headers["authorization"] == f"Bearer {self.server.good}"
        self.reply(200 if good else 401, {"data": []})

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object):
        pass


@pytest.fixture
def merchant() -> Iterator[ThreadingHTTPServer]:
    """Serve a merchant: `forms` are the received forms, `status` is the answer, `good` the newest token."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Merchant) as server:
        server.forms, server.status, server.good = [], 200, "access-0"
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()
