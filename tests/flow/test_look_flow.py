"""
A photo without much text, from the OCR worker's look to the sandbox's profile: recognize, tag and sync as they run.

The model's server is a stand-in that is correct, wrong, slow or cut. The text arrives in every case.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from whole_chain import Flow, served, whole_chain

from ocr_worker.config import OcrConfig
from ocr_worker.engines.protocol import Lines
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.look.stand_in import LookStandIn, look_stand_in_app
from ocr_worker.pool.pool import OcrPool, PoolDependencies
from ocr_worker.server.app import create_app as create_ocr
from schemas.events import TextLine
from streams.config.settings import Settings
from streams.wiring.look import make_looker

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


@asynccontextmanager
async def flow(tmp_path, behaviour: LookStandIn | None, **more: Any) -> AsyncIterator[Flow]:
    async with AsyncExitStack() as running:
        look = await running.enter_async_context(served(look_stand_in_app(behaviour))) if behaviour else None
        more |= {"look_url": look, "look_key": "look-key" if look else None}
        looker = make_looker(Settings(**more))
        ocr = create_ocr(OcrConfig(), Prints(), looker=looker)
        if looker is not None:
            running.push_async_callback(looker.aclose)
        await running.enter_async_context(ocr.router.lifespan_context(ocr))
        around = PoolDependencies(transport=httpx.ASGITransport(ocr))
        pool = await running.enter_async_context(OcrPool(["http://ocr"], None, 120, 4, around))
        categories = ("colour", "pattern", "scene")
        yield await running.enter_async_context(whole_chain(tmp_path, pool, klaviyo_categories=categories, **more))


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
