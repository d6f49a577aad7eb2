"""
Thousands of schedules of two processes, each from one seed: Klaviyo always ends where the plain fold ends.

More of them: `python tests/unit/klaviyo_sink/test_simulation.py FIRST COUNT`.
"""

import sys

import pytest
from simulated_database import SqliteDatabase
from simulated_world import World
from virtual_loop import VirtualLoop

SCHEDULES = 900
ON_SQLITE = 150


def act_out(seed, database=None):
    async def schedule():
        world = World(seed, database)
        await world.run()

    try:
        with pytest.MonkeyPatch.context() as patch:
            # Shoppers have few uploads here. Schedules differ in how many of them a row contains.
            patch.setattr("klaviyo_sink.state.memory.INLINE", (0, 2, 8)[seed % 3])
            VirtualLoop().run(schedule())
    except Exception as error:
        raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize("first", range(0, SCHEDULES, SCHEDULES // 3))
def test_after_any_faults_klaviyo_has_the_fold_and_no_forgotten_shopper(first):
    for seed in range(first, first + SCHEDULES // 3):
        act_out(seed)


def test_the_same_holds_with_the_real_database():
    database = SqliteDatabase()
    for seed in range(ON_SQLITE):
        database.restore({})
        act_out(seed, database)
    database.close()


if __name__ == "__main__":
    begin, count = map(int, sys.argv[1:])
    failed = []
    for number in range(begin, begin + count):
        try:
            act_out(number)
        except AssertionError as error:
            failed.append(number)
            print(error, flush=True)
        if number % 1000 == 0:
            print(f"at seed {number}", flush=True)
    print(f"{count} schedules from seed {begin}: {len(failed)} failed {failed[:20]}")
