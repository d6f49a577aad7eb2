"""The sandbox's page in a real browser: what came in is shown, and shown as text whatever it says."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from klaviyo_sink.account.campaigns import read_campaigns
from klaviyo_sink.account.setup import Setup
from klaviyo_sink.api.client import Accepted, KlaviyoClient, PrivateKey
from klaviyo_sink.profile.naming import DEFAULT_NAMES
from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of

playwright = pytest.importorskip("playwright.async_api", reason="no browser test: playwright is not installed")
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    # A browser is 300 MB that nobody needs to work on the code (apt-get install chromium).
    pytest.skip("no browser test: chromium is not installed", allow_module_level=True)

KEY = "pk_browser"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OFFER = "Hi，看到你喜欢纯棉舒适款！夏日新款纯棉T恤限时8折"
SCRIPT = "<script>document.title = 'taken'</script>"
TEMPLATE = "{{ person.email }}"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app(KEY, now=lambda: NOON, speed=100))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield url_of(listening)
    server.should_exit = True
    await serving


@pytest.fixture
async def page(url: str) -> AsyncIterator["playwright.Page"]:
    async with playwright.async_playwright() as started:
        browser = await started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = await browser.new_page(viewport={"width": 1200, "height": 900})
        await shown.goto(url)
        yield shown
        await browser.close()


async def fill(url: str) -> None:
    async with KlaviyoClient(url, PrivateKey(SecretStr(KEY)), revision="2026-07-15", timeout_s=9) as client:
        await Setup(client, "Outfit Tagged", DEFAULT_NAMES, live=True).run(read_campaigns(None))
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            (await http.post("/sandbox/consent", json={"emails": ["ada@shop.cn"]})).raise_for_status()
        state = {"outfit_materials": ["cotton", SCRIPT], "outfit_styles": [TEMPLATE], "outfit_version": 7}
        said = {"upload_id": "u1", "tags": ["category/t-shirt", "material/cotton"], SCRIPT: TEMPLATE}
        profile = {"type": "profile", "attributes": {"email": "ada@shop.cn", "properties": state}}
        metric = {"data": {"type": "metric", "attributes": {"name": "Outfit Tagged"}}}
        attributes = {"metric": metric, "properties": said, "profile": {"data": profile}}
        body = json.dumps({"data": {"type": "event", "attributes": attributes}}).encode()
        assert isinstance(await client.create_event(body, by_profile_id=False), Accepted)


async def rows(page: "playwright.Page", title: str) -> list[str]:
    table = page.locator(f"h2:has-text('{title}') + table tbody tr")
    return [" ".join(one.split()) for one in await table.all_inner_texts()]


async def test_an_empty_account_says_so(page):
    assert await page.title() == "Klaviyo sandbox"
    for title in ("SMS", "Profiles", "Events"):
        assert await rows(page, title) == ["Nothing yet."]


async def test_profiles_events_and_texts_are_shown_and_nothing_in_them_runs(url, page):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await fill(url)
    await page.reload()
    [sms] = await rows(page, "SMS")
    assert "ada@shop.cn" in sms
    assert OFFER in sms
    assert sms.endswith("Cotton T-shirts sent")
    [profile] = [one for one in await rows(page, "Profiles") if one.startswith("ada@shop.cn")]
    assert f"cotton, {SCRIPT}" in profile
    assert TEMPLATE in profile
    [event] = [one for one in await rows(page, "Events") if "u1" in one]
    assert "category/t-shirt, material/cotton" in event
    assert f"{SCRIPT} {TEMPLATE}" in event
    assert await page.locator("script").count() == 0
    assert (await page.title(), complaints) == ("Klaviyo sandbox", [])
    # No table is wider than the window, on a telephone either.
    for width in (1200, 400):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if picture := os.environ.get("HANGTAG_TEST_SCREENSHOT"):  # noqa: TID251 - a test's own switch
        await page.set_viewport_size({"width": 1200, "height": 900})
        await page.screenshot(path=picture, full_page=True)
