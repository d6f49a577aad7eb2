"""What was begun for a caller who left is finished, and the next request for the same photo gets it."""

import asyncio

import pytest
from pool_world import reading

from ocr_worker.result import Reading
from ocr_worker.server.readings import Readings


class Line:
    """Reads one photo at a time, when the test says so; the others wait in line."""

    def __init__(self) -> None:
        self.now = 0.0
        self.begun: list[bytes] = []
        self.slot, self.finish = asyncio.Lock(), asyncio.Event()
        self.readings = Readings(self.read, lambda: self.now)

    async def read(self, photo, on_begin):
        async with self.slot:
            on_begin()
            self.begun.append(photo)
            await self.finish.wait()
            return Reading.model_validate(reading())

    async def ask(self, photo: bytes) -> "asyncio.Task[object]":
        task = asyncio.create_task(self.readings.get(photo))
        await asyncio.sleep(0.01)
        return task

    async def leave(self, task) -> None:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_retry_gets_what_was_finished_meanwhile_at_once_and_once():
    line = Line()
    await line.leave(await line.ask(b"photo"))
    line.finish.set()
    await asyncio.sleep(0.01)
    assert isinstance(await line.readings.get(b"photo"), Reading)
    assert line.begun == [b"photo"]
    await line.readings.get(b"photo")
    assert line.begun == [b"photo"] * 2, "it is kept for one caller"


async def test_a_retry_joins_what_is_under_way():
    line = Line()
    await line.leave(await line.ask(b"photo"))
    again = await line.ask(b"photo")
    line.finish.set()
    assert isinstance(await again, Reading)
    assert line.begun == [b"photo"]
    assert not line.readings._finished, "nothing is kept that was handed over"


async def test_a_waiting_photo_is_dropped_with_its_caller():
    line = Line()
    first, second = await line.ask(b"first"), await line.ask(b"second")
    await line.leave(second)
    line.finish.set()
    await first
    await asyncio.sleep(0.01)
    assert line.begun == [b"first"]


async def test_finished_readings_are_few_and_go_after_minutes():
    line = Line()
    line.finish.set()
    for at in range(200):
        line.finish.clear()
        task = asyncio.create_task(line.readings.get(str(at).encode()))
        for _ in range(5):
            await asyncio.sleep(0)
        await line.leave(task)
        line.finish.set()
        for _ in range(10):
            await asyncio.sleep(0)
    assert len(line.readings._finished) == 128
    line.now = 301
    await line.readings.get(b"another")
    assert not line.readings._finished


async def test_a_failure_is_not_kept():
    line = Line()
    line.readings = Readings(lambda _photo, on_begin: _fails(on_begin))
    with pytest.raises(ZeroDivisionError):
        await line.readings.get(b"photo")
    assert not line.readings._works
    assert not line.readings._finished


async def _fails(on_begin):
    on_begin()
    raise ZeroDivisionError
