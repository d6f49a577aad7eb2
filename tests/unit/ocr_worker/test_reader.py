"""One photo from bytes to reading: which steps wait for each other."""

import asyncio
import itertools
from dataclasses import dataclass, field

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.reader import Reader
from ocr_worker.result import Reading, Refused


@dataclass
class Tally:
    """How many photos are decoded ahead and in the engine; `busy` is set once two are in the engine at a time."""

    prepared: int = 0
    most_prepared: int = 0
    inside: int = 0
    most_inside: int = 0
    busy: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class CountingEngine(ScriptedEngine):
    """Counts its photos. The first one waits in the engine for a second, so that both slots are in use."""

    tally: Tally = field(default_factory=Tally)

    def prepare(self, photo):
        self.tally.prepared += 1
        self.tally.most_prepared = max(self.tally.most_prepared, self.tally.prepared)
        return super().prepare(photo)

    async def recognize(self, prepared):
        self.tally.inside += 1
        self.tally.most_inside = max(self.tally.most_inside, self.tally.inside)
        if self.tally.inside == 2:
            self.tally.busy.set()
        await asyncio.wait_for(self.tally.busy.wait(), 30)
        raw = await super().recognize(prepared)
        self.tally.inside -= 1
        self.tally.prepared -= 1
        return raw


async def test_photos_beyond_the_slots_wait_undecoded(draw):
    engine = CountingEngine()
    reader = Reader(engine, OcrConfig(slots=2))

    await asyncio.gather(*(reader.read(draw((80, 60), ())) for _ in range(12)))
    await reader.aclose()

    assert engine.tally.most_inside == 2
    assert engine.tally.most_prepared <= 4


async def test_a_cancelled_photo_gives_back_its_slot(draw):
    gate = asyncio.Event()
    reader = Reader(ScriptedEngine(gate=gate), OcrConfig(slots=1))
    tasks = [asyncio.create_task(reader.read(draw((80, 60), ()))) for _ in range(4)]
    await asyncio.sleep(0)
    for task in tasks[:3]:
        task.cancel()
    gate.set()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    await reader.aclose()

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 3 + [Reading]


async def test_a_refused_photo_does_not_keep_its_place(draw):
    reader = Reader(ScriptedEngine(), OcrConfig(slots=1))

    refused = [await reader.read(b"text") for _ in range(5)]
    outcome = await asyncio.wait_for(reader.read(draw()), 10)
    await reader.aclose()

    assert all(isinstance(one, Refused) for one in refused)
    assert isinstance(outcome, Reading)


async def test_timings_say_where_the_time_went(draw):
    ticks = itertools.count()
    reader = Reader(ScriptedEngine(), OcrConfig(), clock=lambda: float(next(ticks)))

    outcome = await reader.read(draw())
    await reader.aclose()

    assert isinstance(outcome, Reading)
    # One tick a lap; the queue is waited for twice.
    assert outcome.timings_ms == {
        "decode": 1000,
        "prepare": 1000,
        "queue": 2000,
        "engine": 1000,
        "finish": 1000,
        "total": 6000,
    }
