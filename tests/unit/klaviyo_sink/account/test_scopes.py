"""The scopes that docs/klaviyo.md gives each key are enough for what it does, and no more than that."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from klaviyo_sink.access import open_client
from klaviyo_sink.account.campaigns import read_campaigns
from klaviyo_sink.account.canary import Canary
from klaviyo_sink.account.erasure import erase_profile, look_up
from klaviyo_sink.account.setup import Setup, SetupError
from klaviyo_sink.profile.naming import DEFAULT_NAMES
from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.sink import SinkConfig, Written, open_sink

PAGE = (Path(__file__).parents[4] / "docs" / "klaviyo.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^ +\| (\S+) \| ([a-z:, -]+:[a-z:, -]+) \| .* \|$", PAGE, re.MULTILINE)
SCOPES = {key: frozenset(scopes.split(", ")) for key, scopes in ROWS}


@asynccontextmanager
async def account(scopes: frozenset[str], tmp_path: Path) -> AsyncIterator[SinkConfig]:
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app("pk", scopes=scopes, speed=100))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield SinkConfig(url_of(listening), SecretStr("pk"), state_url=f"sqlite:///{tmp_path}/{len(scopes)}/state.db")
    server.should_exit = True
    await serving


async def sync(config, outfit):
    """Single events, a job of events, and an import job of states alone."""
    sink = await open_sink(config)
    now = outfit().tagged_at
    uploads = [outfit(f"u{i}", shopper_id=f"s{i}") for i in range(40)]
    anew = [outfit(one.upload_id, "material/silk", shopper_id=one.shopper_id) for one in uploads[:8]]
    anew = [one.model_copy(update={"tagged_at": now + timedelta(hours=1)}) for one in anew]
    found = [await sink.sync(outfit("first", shopper_id="first"))]
    for batch in (uploads, anew):
        found += await asyncio.gather(*map(sink.sync, batch))
    await sink.aclose()
    return all(isinstance(one, Written) for one in found)


async def set_up(config, _outfit):
    async with open_client(config) as client:
        try:
            return bool(await Setup(client, "M", DEFAULT_NAMES, live=True).run(read_campaigns(None)))
        except SetupError:
            return False


async def canary(config, _outfit):
    async with open_client(config) as client:
        return isinstance(await Canary(client, "M").run("a@shop.cn", 5), float)


async def forget(config, _outfit):
    async with open_client(config) as client:
        return await look_up(client, "external_id", "s1") is None and await erase_profile(client, "01A") is None


USES = {"sync": sync, "set-up": set_up, "canary": canary, "erasure": forget}


def test_the_page_gives_each_use_its_key():
    assert set(SCOPES) == set(USES)
    assert not [scope for scopes in SCOPES.values() for scope in scopes if scope.startswith("subscriptions")]


@pytest.mark.parametrize("key", USES)
async def test_the_scopes_are_enough(key, outfit, tmp_path):
    async with account(SCOPES[key], tmp_path) as config:
        assert await USES[key](config, outfit)


@pytest.mark.parametrize(("key", "scope"), [(key, scope) for key, scopes in SCOPES.items() for scope in sorted(scopes)])
async def test_without_any_one_of_them_it_cannot_be_done(key, scope, outfit, tmp_path):
    async with account(SCOPES[key] - {scope}, tmp_path) as config:
        assert not await USES[key](config, outfit)
