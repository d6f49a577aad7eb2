"""A look beside the reading: it comes along if it is there in time, and never costs the reading anything else."""

import asyncio
import weakref
from dataclasses import dataclass, field

import pytest
from look_world import DRESS, looker

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.look.stand_in import LookStandIn
from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from ocr_worker.server.metrics import Meters
from schemas.events import Engine, Seen
from schemas.outcomes import Later

NOTHING = Seen(engine=Engine(name="look", model="m", revision="r"), values=())


@dataclass
class Watched:
    """A looker whose looks last until the gate opens; notes which were ended."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    #: Looks that have begun, and an event for when there are so many.
    count: int = 0
    most: int = 1
    ended: int = 0
    #: Raised by `look`, and by `prepare`.
    fault: Exception | None = None
    prepare_fault: Exception | None = None

    def prepare(self, _photo):
        if self.prepare_fault is not None:
            raise self.prepare_fault

    async def look(self, _picture):
        self.count += 1
        if self.count >= self.most:
            self.begun.set()
        try:
            if self.fault is not None:
                raise self.fault
            await self.gate.wait()
        finally:
            self.ended += 1
        return NOTHING

    async def aclose(self):
        pass


async def read(photo: bytes, looks, engine: ScriptedEngine | None = None):
    reader = Reader(engine or ScriptedEngine(), OcrConfig(), looker=looks)
    try:
        return await reader.read(photo)
    finally:
        await reader.aclose()


async def test_the_reading_contains_the_seen_values(draw):
    outcome = await read(draw(), looker(LookStandIn(garments=[DRESS])))
    assert [one.tag for one in outcome.seen.values] == ["category/dress", "colour/red"]
    assert len(outcome.texts) == 4
    assert "look" in outcome.timings_ms


async def test_without_a_look_a_reading_does_not_change(draw):
    outcome = await read(draw(), None)
    assert "seen" not in outcome.model_dump()
    assert "look" not in outcome.timings_ms


@pytest.mark.parametrize(
    "behaviour",
    [LookStandIn(failure=503), LookStandIn(seconds=3600), LookStandIn(lie="not_json")],
    ids=["dead", "slow", "babbles"],
)
async def test_a_look_that_comes_to_nothing_loses_no_text(draw, behaviour):
    outcome = await read(draw(), looker(behaviour, timeout_s=0.05 if behaviour.seconds else 30))
    assert isinstance(outcome, Reading)
    assert len(outcome.texts) == 4
    assert outcome.seen is None


@pytest.mark.parametrize("fault", [{"fault": RuntimeError("bug")}, {"prepare_fault": MemoryError("bug")}])
async def test_a_look_with_a_bug_loses_no_text_and_counts_as_unanswered(draw, fault):
    outcome = await read(draw(), Watched(**fault))
    assert len(outcome.texts) == 4
    assert outcome.seen is None
    assert "look" in outcome.timings_ms


@dataclass(frozen=True)
class RememberingEngine(ScriptedEngine):
    """Remembers which pictures it read, without keeping them in memory."""

    pictures: list[weakref.ref] = field(default_factory=list)

    def prepare(self, photo):
        self.pictures.append(weakref.ref(photo.small))
        return super().prepare(photo)


async def test_a_photo_that_waits_for_its_look_takes_no_memory(draw):
    looks, engine = Watched(), RememberingEngine()
    reader = Reader(engine, OcrConfig(), looker=looks)
    reading = asyncio.create_task(reader.read(draw()))
    async with asyncio.timeout(30):
        while not engine.pictures or engine.pictures[0]() is not None:
            await asyncio.sleep(0)
    assert not reading.done()
    looks.gate.set()
    assert (await reading).seen == NOTHING
    await reader.aclose()


async def test_the_look_runs_while_the_photo_is_read(draw):
    gate = asyncio.Event()
    looks = Watched(gate=gate)
    reader = Reader(ScriptedEngine(gate=gate), OcrConfig(), looker=looks)
    reading = asyncio.create_task(reader.read(draw()))
    # The engine waits for the gate, and so does the look: it has begun before the engine is done.
    await asyncio.wait_for(looks.begun.wait(), 30)
    assert not reading.done()
    gate.set()
    assert (await reading).seen == NOTHING
    await reader.aclose()


async def test_while_looks_are_awaited_other_photos_are_read(draw):
    """Two photos may be decoded at once for one slot; those that only wait for their look do not count."""
    looks = Watched(most=6)
    reader = Reader(ScriptedEngine(), OcrConfig(slots=1), looker=looks)
    readings = [asyncio.create_task(reader.read(draw())) for _ in range(6)]
    await asyncio.wait_for(looks.begun.wait(), 60)
    assert not any(one.done() for one in readings)
    looks.gate.set()
    assert [one.seen for one in await asyncio.gather(*readings)] == [NOTHING] * 6
    await reader.aclose()


async def test_a_look_ends_with_a_reading_that_fails_or_is_cancelled(draw):
    looks = Watched()
    assert isinstance(await read(draw(), looks, ScriptedEngine(failure=Later("down", "down"))), Later)
    await asyncio.sleep(0)
    assert looks.ended == 1

    reader = Reader(ScriptedEngine(), OcrConfig(), looker=looks)
    looks.begun.clear()
    reading = asyncio.create_task(reader.read(draw()))
    await asyncio.wait_for(looks.begun.wait(), 30)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await asyncio.sleep(0)
    assert looks.ended == 2
    await reader.aclose()


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [(LookStandIn(garments=[DRESS]), "values"), (LookStandIn(), "nothing"), (LookStandIn(failure=500), "no_answer")],
)
async def test_looks_are_counted_by_how_they_end(draw, behaviour, outcome):
    meters = Meters(lambda: 0)
    meters.read(await read(draw(), looker(behaviour)))
    meters.read(await read(draw(), None))
    counted = [line for line in meters.exposition().decode().splitlines() if line.startswith("hangtag_ocr_looks_total")]
    assert counted == [f'hangtag_ocr_looks_total{{outcome="{outcome}"}} 1.0']
