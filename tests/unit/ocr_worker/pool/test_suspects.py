"""Photos that end a worker take no other photo with them: real workers, each started again when it dies."""

import asyncio
import socket
import subprocess
import sys
from contextlib import suppress

import httpx
import pytest
from pool_world import Clock, pool, reading, scripted

from ocr_worker.pool.pool import OcrPool
from ocr_worker.pool.suspects import TRIES_ALONE, Suspects
from ocr_worker.result import ALONE, Reading
from schemas.outcomes import Later, Never
from streams.runtime.retry import Failures, RetryPolicy

SERVER = """
import os, signal, socket, sys
from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.server.app import create_app
from streams.cli.support.serve_http import serve_http

class Dies:
    def __init__(self): self.engine = ScriptedEngine(seconds=0.02); self.info = self.engine.info
    def prepare(self, photo):
        if photo.width == 333: os.kill(os.getpid(), signal.SIGKILL)
        return self.engine.prepare(photo)
    async def recognize(self, prepared): return await self.engine.recognize(prepared)
    def finish(self, raw, photo): return self.engine.finish(raw, photo)
    async def aclose(self): pass

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
serve_http(create_app(OcrConfig(slots=2), Dies()), listener, cert=None, key=None, drain_s=5)
"""


async def keep(port: int, deaths: list[int]) -> None:
    """Start a worker again and again."""
    process = None
    try:
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", SERVER, str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            await process.wait()
            deaths.append(port)
    finally:
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


async def as_a_stage(workers: OcrPool, photo: bytes) -> Reading | Never:
    """Retry as the recognize stage does, only sooner."""
    policy, failures = RetryPolicy(base_s=0.2, cap_s=2), Failures()
    for attempts in range(1, 1000):
        outcome = await workers.read(photo)
        if not isinstance(outcome, Later):
            return outcome
        failures = failures.after(outcome, others_succeeded=True)
        if given_up := policy.give_up(outcome, failures, attempts):
            return given_up
        await asyncio.sleep(policy.wait_s(attempts, outcome.retry_after))
    raise AssertionError


async def test_photos_that_end_their_worker_take_no_good_one_with_them(draw):
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    deaths: list[int] = []
    good = [draw(size=(100, 40), lines=(f"good {at}",), at=(0, 0), px=12) for at in range(23)]
    poison = [draw(size=(333, 40), lines=(f"poison {at}",), at=(0, 0), px=12) for at in range(2)]
    keepers = [asyncio.create_task(keep(port, deaths)) for port in ports]
    try:
        async with OcrPool([f"http://127.0.0.1:{port}" for port in ports], None, 20, 64) as workers:
            ends = await asyncio.gather(*(as_a_stage(workers, photo) for photo in [*poison, *good]))
    finally:
        for one in keepers:
            one.cancel()
            with suppress(asyncio.CancelledError):
                await one
    assert [type(end) for end in ends] == [Never] * len(poison) + [Reading] * len(good)
    # In company at most once, and then alone.
    assert len(deaths) <= len(poison) * (1 + TRIES_ALONE)


async def test_photos_in_flight_beside_it_are_read_alone_and_not_blamed():
    alone: list[bool] = []
    under_way = asyncio.Semaphore(0)

    async def answer(request: httpx.Request) -> httpx.Response:
        alone.append(ALONE in request.headers)
        if not alone[-1]:
            under_way.release()
            while under_way._value < 3:
                await asyncio.sleep(0)
            raise httpx.ReadError("killed")
        return httpx.Response(200, json=reading())

    clock = Clock()
    async with pool("http://a", transport=httpx.MockTransport(answer), clock=clock, sleep=clock.sleep) as workers:
        photos = [b"one", b"two", b"three"]
        first = await asyncio.gather(*map(workers.read, photos))
        clock.now += 60
        second = await asyncio.gather(*map(workers.read, photos))

    assert all(isinstance(one, Later) and one.tries is None for one in first)
    assert all(isinstance(one, Reading) for one in second)
    assert alone == [False] * 3 + [True] * 3


@pytest.mark.parametrize(("failure", "in_company"), [(httpx.ReadError("killed"), 1), (TimeoutError(), 2)])
async def test_a_photo_that_fails_alone_is_to_blame_after_three_tries(failure, in_company):
    clock = Clock()
    async with scripted(clock, {"a": failure}, []) as workers:
        outcomes = []
        while not outcomes or isinstance(outcomes[-1], Later):
            outcomes.append(await workers.read(b"photo"))
            clock.now += 60
    assert len(outcomes) == in_company + TRIES_ALONE
    assert isinstance(outcomes[-1], Never)


def test_a_deadline_grows_with_each_time_out_up_to_a_cap():
    suspects = Suspects()
    patience = []
    for _ in range(4):
        patience.append(suspects.of(b"photo").patience)
        suspects.timed_out(b"photo", alone=False)
    assert patience == [1, 2, 4, 4]
    suspects.clear(b"photo")
    assert suspects.of(b"photo").patience == 1


def test_no_more_suspects_are_remembered_than_fit():
    suspects = Suspects()
    for at in range(10_050):
        suspects.broke_off(str(at).encode(), alone=False)
    assert len(suspects._known) == 10_000
    assert not suspects.of(b"0").alone
    assert suspects.of(b"10049").alone
