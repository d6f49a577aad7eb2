"""Somebody sets the machine's clock by 30 days: lag and canary stay right, and a lexicon is still reloaded."""

import asyncio
import os
import shutil
from datetime import timedelta

import pytest
from machine_clock import Machine

from klaviyo_sink.account.canary import Canary
from klaviyo_sink.api.success import Accepted
from rules.lexicon.load import load_lexicon
from schemas.steady_clock import SteadyClock
from streams.lag.evaluate import GroupPartition, LagMemory, PartitionOffsets, RecordTime
from streams.wiring.live_tagger import LiveTagger

MOVED = pytest.mark.parametrize("moved", [timedelta(days=30), timedelta(days=-30)])
PLACE = GroupPartition("hangtag.recognize", "outfit.uploads", 0)
STALLED_AFTER_S = 300


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine) -> SteadyClock:
    return SteadyClock(machine.wall, lambda: machine.booted)


@MOVED
def test_lag_does_not_take_a_jump_of_the_clock_for_a_stall_or_an_age(machine, clock, moved):
    memory = LagMemory(STALLED_AFTER_S)
    uploaded = clock().timestamp()

    def judged():
        look = PartitionOffsets(clock().timestamp(), 5, 0, 9, oldest=RecordTime(5, uploaded), owner_known=False)
        return memory.judge({PLACE: look})[0]

    machine.wait(30)
    assert (judged().state, judged().seconds) == ("ok", 30)
    machine.offset = moved
    machine.wait(30)
    assert (judged().state, judged().seconds) == ("ok", 60)
    machine.wait(STALLED_AFTER_S)
    assert judged().state == "stalled"


class BlindKlaviyo:
    """Accepts an event, and never shows it."""

    def __init__(self) -> None:
        self.events = []

    async def create_event(self, event, **_how: object):
        self.events.append(event)
        return Accepted(202, {})

    async def call(self, _method, _path, **_how: object):
        return Accepted(200, {"data": []})


@MOVED
async def test_the_canary_waits_as_long_as_it_should_and_dates_its_event_right(machine, clock, moved):
    klaviyo = BlindKlaviyo()
    machine.offset = moved

    async def sleep(seconds):
        machine.wait(seconds)
        machine.offset = -machine.offset

    canary = Canary(klaviyo, "Outfit Tagged", now=clock, sleep=sleep, clock=lambda: machine.booted)
    assert await canary.run("canary@shop.cn", 600) == "accepted, but not visible after 600 s"
    assert machine.booted == 600
    assert "2026-11-22T00:00:00" in str(klaviyo.events)


@MOVED
async def test_a_lexicon_saved_while_the_clock_is_wrong_is_loaded(tmp_path, moved):
    own = tmp_path / "own"
    own.mkdir()
    file = own / "material.toml"
    file.write_text('[tencel-plus]\nen = "Tencel Plus"\nzh = "天丝加"\nwords = ["tencelplus"]\n', encoding="utf-8")
    live = LiveTagger(own)
    following = asyncio.create_task(live.follow(0.02))
    try:
        changed = file.read_text(encoding="utf-8").replace('"tencelplus"', '"tencelextra"')
        (tmp_path / "saved").write_text(changed, encoding="utf-8")
        wrong = file.stat().st_mtime + moved.total_seconds()
        os.utime(tmp_path / "saved", (wrong, wrong))
        shutil.move(tmp_path / "saved", file)
        wanted = load_lexicon(own).version
        async with asyncio.timeout(20):
            while live.current.lexicon.version != wanted:
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
