"""
A photo without much text, from the OCR worker's look to the sandbox's profile: recognize, tag and sync as they run.

The model's server is a stand-in that is correct, wrong, slow or cut. The text arrives in every case.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from traced_chain import Chain, Topics, photo

from klaviyo_sink.sandbox.app import create_app as create_klaviyo
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import Lines
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.look.stand_in import LookStandIn, look_stand_in_app
from ocr_worker.pool.pool import OcrPool, PoolDependencies
from ocr_worker.server.app import create_app as create_ocr
from schemas.codec import decode
from schemas.events import OutfitTagged, TextLine, TextRecognized
from schemas.spans import NO_SPANS
from streams.config.settings import Settings
from streams.wiring import stages
from streams.wiring.assembly import assemble
from streams.wiring.klaviyo import make_sink
from streams.wiring.look import make_looker
from streams.wiring.photos import make_store

KEY = "pk_look"
TEXT = "碎花 雪纺\n面料 涤纶100%"
DRESS = {"category": "dress", "colour": "blue", "pattern": "striped", "neckline": "v-neck"}


class Prints(ScriptedEngine):
    """Reads the same lines in every photo."""

    def finish(self, raw: list[str], photo: Any) -> Lines:
        _ = raw, photo
        lines = (
            TextLine(text=text, bbox=(0, 40 * at, 300, 40 * at + 30), score=0.95)
            for at, text in enumerate(TEXT.splitlines())
        )
        return Lines(tuple(lines))


@dataclass
class Flow:
    """The chain, and the profile at the sandbox."""

    chain: Chain
    klaviyo: str

    async def run(self) -> tuple[TextRecognized, OutfitTagged, dict[str, Any], dict[str, Any]]:
        """Bring one photo through; returns both events, the profile's properties, and those of Klaviyo's event."""
        text = await self.chain.deliver("recognize", await self.chain.publish(photo()))
        tags = await self.chain.deliver("tag", text)
        await self.chain.deliver("sync", tags)
        async with httpx.AsyncClient(trust_env=False) as client:
            state = (await client.get(f"{self.klaviyo}/sandbox/state")).json()
        (profile,), (event,) = state["profiles"], state["events"]
        return (
            decode(TextRecognized, text.value),
            decode(OutfitTagged, tags.value),
            profile["properties"],
            event["properties"],
        )


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    server = make_server(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield url_of(listening)
    finally:
        # A slow look may still be in flight: nothing waits for its answer.
        server.should_exit = server.force_exit = True
        await serving


@asynccontextmanager
async def flow(tmp_path, behaviour: LookStandIn | None, **more: Any) -> AsyncIterator[Flow]:
    async with AsyncExitStack() as running:
        klaviyo = await running.enter_async_context(served(create_klaviyo(KEY)))
        look = await running.enter_async_context(served(look_stand_in_app(behaviour))) if behaviour else None
        settings = Settings(
            store_url=f"file:{tmp_path}/photos",
            state_url=f"sqlite:///{tmp_path}/state.db",
            klaviyo_url=klaviyo,
            klaviyo_key=KEY,
            klaviyo_categories=("colour", "pattern", "scene"),
            look_url=look,
            look_key="look-key" if look else None,
            **more,
        )
        looker = make_looker(settings)
        ocr = create_ocr(OcrConfig(), Prints(), looker=looker)
        sink = await make_sink(settings)
        running.push_async_callback(sink.aclose)
        if looker is not None:
            running.push_async_callback(looker.aclose)
        await running.enter_async_context(ocr.router.lifespan_context(ocr))
        around = PoolDependencies(transport=httpx.ASGITransport(ocr))
        pool = await running.enter_async_context(OcrPool(["http://ocr"], None, 120, 4, around))
        kafka = Topics()
        chain = Chain(kafka, {}, make_store(settings), lambda _name: NO_SPANS)
        for plan in (stages.recognize(settings, pool=pool), stages.tag(settings), stages.sync(settings, sink=sink)):
            chain.stages[plan.name] = (await assemble(plan, emitter=kafka)).stage
        yield Flow(chain, klaviyo)


READ = {"material/polyester", "material/chiffon", "pattern/floral"}


async def test_seen_tags_reach_the_profile_beside_read_tags(tmp_path):
    behaviour = LookStandIn(garments=[DRESS], picture={"scene": "beach"}, key="look-key")
    async with flow(tmp_path, behaviour, look_timeout_s=60) as running:
        text, tagged, profile, event = await running.run()

    assert [one.text for one in text.texts] == TEXT.splitlines()
    assert {one.tag for one in text.seen.values} == {
        *("category/dress", "colour/blue", "pattern/striped", "style/v-neck", "scene/beach")
    }
    read = {tag.id for tag in tagged.tags if not tag.seen_only}
    assert read == READ
    # The text says floral, so the picture's stripes are dropped.
    assert {tag.id for tag in tagged.tags} - read == {"category/dress", "colour/blue", "style/v-neck", "scene/beach"}
    assert tagged.look is not None
    assert profile["outfit_patterns"] == ["floral"]
    assert profile["outfit_categories"] == []
    assert profile["outfit_seen_categories"] == ["dress"]
    assert profile["outfit_seen_styles"] == ["v-neck"]
    assert profile["outfit_seen_scenes"] == ["beach"]
    # Floral is read, the beach is seen: together they are a holiday look.
    assert profile["outfit_interests"] == ["vacation"]
    assert set(event["tags"]) == READ
    assert event["seen_scenes"] == ["beach"]


@pytest.mark.parametrize(
    ("behaviour", "limit_s"),
    [
        (LookStandIn(garments=[DRESS], lie="unknown_value"), 60),
        (LookStandIn(garments=[DRESS], lie="extra_field"), 60),
        (LookStandIn(garments=[DRESS], lie="cut"), 60),
        (LookStandIn(garments=[DRESS], lie="loop"), 60),
        (LookStandIn(garments=[DRESS], lie="refusal"), 60),
        (LookStandIn(garments=[DRESS], seconds=3600), 0.2),
        (LookStandIn(failure=500), 60),
    ],
    ids=["lying", "lying-more", "cut", "loop", "refusal", "slow", "dead"],
)
async def test_a_bad_look_costs_no_text_and_adds_no_tag(tmp_path, behaviour, limit_s):
    async with flow(tmp_path, behaviour, look_timeout_s=limit_s) as running:
        text, tagged, profile, event = await running.run()

    assert [one.text for one in text.texts] == TEXT.splitlines()
    assert text.seen is None or text.seen.values == ()
    assert {tag.id for tag in tagged.tags} == READ
    assert profile["outfit_interests"] == []
    assert set(event["tags"]) == READ
    assert not [name for name in event if "seen" in name]


@pytest.mark.parametrize(
    ("mode", "styles", "named"), [("merged", ["v-neck"], False), ("off", [], False), ("separate", [], True)]
)
async def test_a_setting_decides_how_seen_tags_are_written_to_klaviyo(tmp_path, mode, styles, named):
    behaviour = LookStandIn(garments=[DRESS], picture={"scene": "beach"})
    async with flow(tmp_path, behaviour, look_timeout_s=60, klaviyo_seen=mode) as running:
        _, _, profile, event = await running.run()

    assert profile["outfit_styles"] == styles
    assert ("outfit_seen_styles" in profile) == named
    assert ("style/v-neck" in event["tags"]) == (mode == "merged")
    assert profile["outfit_interests"] == ([] if mode == "off" else ["vacation"])


async def test_without_a_look_nothing_is_new(tmp_path):
    async with flow(tmp_path, None) as running:
        text, tagged, profile, event = await running.run()

    assert text.seen is None
    assert tagged.look is None
    assert not [name for name in (*profile, *event) if "seen" in name]


async def test_the_main_colour_needs_no_model(tmp_path):
    async with flow(tmp_path, None, look_colour=True) as running:
        _, tagged, profile, _ = await running.run()

    # The photo is a white page.
    assert [tag.id for tag in tagged.tags if tag.seen_only] == ["colour/white"]
    assert profile["outfit_seen_colours"] == ["white"]
