"""
The sandbox's pages in a real browser: each value appears beside its name, and as plain text whatever it contains.

`HANGTAG_TEST_SCREENSHOTS=docs/images` keeps pictures of them.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import axe
import httpx
import npm
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
    # A browser is 300 MB, and work on the code does not need it (apt-get install chromium).
    pytest.skip("no browser test: chromium is not installed", allow_module_level=True)

KEY = "pk_browser"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OFFER = "Hi，看到你喜欢纯棉舒适款！夏日新款纯棉T恤限时8折"
SCRIPT = "<script>document.title = 'taken'</script>"
TEMPLATE = "{{ person.email }}"
PAGES = ("", "profiles", "segments", "flows", "messages", "jobs", "limits")
PICTURES = os.environ.get("HANGTAG_TEST_SCREENSHOTS")  # noqa: TID251 - a test's own switch


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
        shown = await browser.new_page(viewport={"width": 1200, "height": 900}, locale="en-US")
        await shown.goto(url)
        yield shown
        await browser.close()


def upload(name: str, email: str, state: dict[str, object], **said: object) -> bytes:
    profile = {"type": "profile", "attributes": {"email": email, "properties": state}}
    metric = {"data": {"type": "metric", "attributes": {"name": "Outfit Tagged"}}}
    tags = {"upload_id": name, "tags": ["category/t-shirt", "material/cotton"], **said}
    attributes = {"metric": metric, "unique_id": name, "properties": tags, "profile": {"data": profile}}
    return json.dumps({"data": {"type": "event", "attributes": attributes}}).encode()


async def fill(url: str) -> None:
    """Ada agreed and is texted; Bo did not and is not."""
    async with KlaviyoClient(url, PrivateKey(SecretStr(KEY)), revision="2026-07-15", timeout_s=9) as client:
        await Setup(client, "Outfit Tagged", DEFAULT_NAMES, live=True).run(read_campaigns(None))
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            (await http.post("/sandbox/consent", json={"emails": ["ada@shop.cn"]})).raise_for_status()
        state = {
            "outfit_materials": ["cotton"],
            "outfit_styles": [],
            "outfit_categories": ["t-shirt"],
            "outfit_version": 7,
        }
        evil = {"outfit_materials": ["cotton", SCRIPT], "outfit_styles": [TEMPLATE]}
        for body in (
            upload("u1", "ada@shop.cn", state, source="照片"),
            upload("u2", "bo@shop.cn", evil, **{SCRIPT: TEMPLATE}),
        ):
            assert isinstance(await client.create_event(body, by_profile_id=False), Accepted)


def text(name: str, body: str, then: str | None = None) -> dict[str, object]:
    return {"temporary_id": name, "type": "send-sms", "links": {"next": then}, "data": {"message": {"body": body}}}


async def fill_with_a_graph(url: str) -> None:
    """A text at once, and two days later another or an e-mail, by what the profile likes."""
    await fill(url)
    headers = {"Authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-07-15"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:
        [metric] = (await http.get("/api/metrics")).json()["data"]
        cotton = {"type": "list", "operator": "contains", "value": "cotton"}
        likes = {"type": "profile-property", "property": "properties['outfit_materials']", "filter": cotton}
        split = {
            "temporary_id": "split",
            "type": "conditional-split",
            "links": {"next_if_true": "offer", "next_if_false": "mail"},
            "data": {"profile_filter": {"condition_groups": [{"conditions": [likes]}]}},
        }
        wait = {
            "temporary_id": "wait",
            "type": "time-delay",
            "links": {"next": "split"},
            "data": {"unit": "days", "value": 2},
        }
        mail = {
            "temporary_id": "mail",
            "type": "send-email",
            "links": {"next": None},
            "data": {"message": {"subject_line": "Your style this week"}},
        }
        definition = {
            "triggers": [{"type": "metric", "id": metric["id"]}],
            "entry_action_id": "hello",
            "actions": [text("hello", "Thank you for the photo!", "wait"), wait, split, text("offer", OFFER), mail],
        }
        body = {"data": {"type": "flow", "attributes": {"name": "After a photo", "definition": definition}}}
        made = (await http.post("/api/flows", json=body)).raise_for_status().json()["data"]["id"]
        live = {"data": {"type": "flow", "id": made, "attributes": {"status": "live"}}}
        (await http.patch(f"/api/flows/{made}", json=live)).raise_for_status()
        for name, email in (("u3", "ada@shop.cn"), ("u4", "cy@shop.cn")):
            sent = await http.post(
                "/api/events", content=upload(name, email, {}), headers={"content-type": "application/json"}
            )
            sent.raise_for_status()


async def picture(page: "playwright.Page", name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"sandbox-{name}.png")


async def rows(page: "playwright.Page", title: str) -> list[str]:
    table = page.locator(f"h2:has-text('{title}') + table tbody tr")
    return [" ".join(one.split()) for one in await table.all_inner_texts()]


async def test_every_page_of_an_empty_account_shows_that_it_is_empty(url, page):
    assert await page.title() == "Klaviyo sandbox"
    for name in PAGES[:-2]:
        await page.goto(f"{url}/sandbox/{name}" if name else url)
        assert "Nothing yet." in await page.inner_text("main")


async def test_profiles_events_and_texts_are_shown_and_nothing_in_them_runs(url, page):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await fill(url)
    await page.reload()
    assert OFFER in await page.inner_text(".phone")
    [bo] = [one for one in await rows(page, "Profiles") if one.startswith("bo@shop.cn")]
    assert f"cotton, {SCRIPT}" in bo
    assert TEMPLATE in bo
    [event] = [one for one in await rows(page, "Events") if "u2" in one]
    assert f"{SCRIPT} {TEMPLATE}" in event
    assert await page.locator("script").count() == 0
    assert (await page.title(), complaints) == ("Klaviyo sandbox", [])
    await picture(page, "overview")


async def test_an_empty_list_is_beside_its_own_name(url, page):
    await fill(url)
    await page.goto(f"{url}/sandbox/profiles")
    for name, value in (("outfit_styles", "empty"), ("outfit_categories", "t-shirt"), ("outfit_version", "7")):
        term = page.locator(f"tr:has-text('ada@shop.cn') dt:text-is('{name}')")
        beside = term.locator("xpath=following-sibling::dd[1]")
        assert await beside.inner_text() == value
        boxes = await term.bounding_box(), await beside.bounding_box()
        assert abs(boxes[0]["y"] - boxes[1]["y"]) < 2, name


async def test_a_message_leads_to_its_event_on_the_profile_s_timeline(url, page):
    await fill(url)
    await page.goto(f"{url}/sandbox/messages")
    await page.click("text=its event")
    target = page.locator(":target")
    assert "category/t-shirt, material/cotton" in await target.inner_text()
    assert OFFER in await page.inner_text("ol.line")
    await picture(page, "profile")


async def test_a_flow_shows_its_steps_and_who_did_not_pass_and_why(url, page):
    await fill(url)
    await page.goto(f"{url}/sandbox/flows")
    assert OFFER in await page.inner_text("ol")
    through = " ".join((await page.inner_text("table")).split())
    assert "bo@shop.cn" in through
    assert "no phone number" in through
    assert "finished" in through
    await page.goto(f"{url}/sandbox/segments")
    assert "Members (1): ada@shop.cn" in await page.inner_text("main")
    await page.goto(f"{url}/sandbox/limits")
    assert "POST /api/flows" in await page.inner_text("table")


async def test_a_graph_shows_each_profiles_step_and_why_messages_were_skipped(url, page):
    await fill_with_a_graph(url)
    await page.goto(f"{url}/sandbox/flows")
    steps = await page.inner_text(".card:has-text('After a photo') ol")
    assert "On the way (2): " in steps
    assert "Yes → 4; No → 5" in steps
    await picture(page, "flows")
    await page.goto(f"{url}/sandbox/messages")
    phones = await page.inner_text(".phones")
    assert "skipped: Smart Sending" in phones
    assert "skipped: no phone number" in phones
    not_sent = " ".join((await page.inner_text("h2:has-text('Not sent') + table")).split())
    assert "bo@shop.cn Cotton T-shirts no phone number" in not_sent
    await picture(page, "messages")


@pytest.mark.parametrize("width", [390, 1200])
async def test_no_page_is_wider_than_its_window(url, page, width):
    await fill_with_a_graph(url)
    await page.set_viewport_size({"width": width, "height": 844})
    for name in PAGES:
        await page.goto(f"{url}/sandbox/{name}" if name else url)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        if width == 390 and name == "profiles":
            await picture(page, "telephone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_people_with_disabilities_can_use_every_page(url, page, scheme):
    # Node and its packages come from the system and from npm: work on the code needs neither.
    if trouble := npm.missing(axe.NODE):
        pytest.skip(f"the pages were not checked by axe: {trouble}")
    await fill(url)
    await page.emulate_media(color_scheme=scheme)
    for name in PAGES:
        await page.goto(f"{url}/sandbox/{name}" if name else url)
        await page.evaluate(axe.script())
        assert axe.faults(await page.evaluate(axe.RUN)) == [], name


async def test_it_is_dark_where_the_reader_s_screen_is(url, page):
    await fill(url)
    await page.emulate_media(color_scheme="dark")
    await page.goto(f"{url}/?lang=zh")
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(one) for one in ground.removeprefix("rgb(").rstrip(")").split(","))
    assert max(red, green, blue) < 60
    await picture(page, "dark-zh")


async def test_it_speaks_chinese_and_keeps_the_language_from_page_to_page(url, page):
    await fill(url)
    await page.click("text=中文")
    assert await page.title() == "Klaviyo 沙盒"
    await page.click("nav >> text=流程")
    assert "没有手机号" in await page.inner_text("main")
    assert await page.get_attribute("html", "lang") == "zh-CN"
    await page.click("text=English")
    assert await page.title() == "Klaviyo sandbox · Flows"


async def test_the_page_reloads_until_refreshing_is_switched_off(url, page):
    await page.click("text=Refresh every 5 s")
    await fill(url)
    await page.wait_for_selector(f"text={OFFER}", timeout=15_000)
    await page.click("text=Stop refreshing")
    assert await page.locator("text=Refresh every 5 s").count() == 1
