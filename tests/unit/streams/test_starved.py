"""A member that holds its partitions and is given nothing, though records wait, is told from one that has nothing."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from streams.app import StageApp
from streams.settings import Settings
from streams.window import Partition

P0 = Partition("outfit.uploads", 0)


@dataclass
class Log:
    """A consumer's view: what it was assigned, and where the logs end."""

    ends: dict[TP, int]

    def assignment(self) -> set[TP]:
        return set(self.ends)

    async def highwaters(self, *_partitions: TP) -> dict[TP, int]:
        return self.ends


@dataclass
class Idle:
    """A window, as far as the app asks it."""

    pending: int = 0
    at: dict[Partition, int] = field(default_factory=dict)

    def position(self, partition: Partition) -> int | None:
        return self.at.get(partition)


@pytest.fixture
def member() -> Any:
    app = StageApp(Settings(), group="hangtag.recognize", topic="outfit.uploads")
    app.window = Idle(at={P0: 5})
    app.consumer = Log({TP(*P0): 9})
    return app


async def test_records_that_wait_before_an_idle_window_are_noticed_at_the_third_look(member):
    for _ in range(2):
        assert await member.recreated() is None
        assert member.starved() is None
    await member.recreated()
    assert member.starved() == (P0, 5)


@pytest.mark.parametrize("change", ["it moves on", "it works", "the log is read to its end", "it was taken away"])
async def test_whoever_moves_works_or_has_nothing_to_do_is_not_starved(member, change):
    for look in range(6):
        if look == 2:
            member.window.pending = int(change == "it works")
            member.window.at = {P0: 6 if change == "it moves on" else 5}
            ends = {} if change == "it was taken away" else {TP(*P0): 5 if "end" in change else 9}
            member.consumer = Log(ends)
        await member.recreated()
        if look == 3:
            assert member.starved() is None
            return
