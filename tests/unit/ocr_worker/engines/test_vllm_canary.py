"""A vLLM server proves that it keeps photos apart before it gets any; version numbers only choose the words."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_hunyuan import coded

from ocr_worker.config import OcrConfig
from ocr_worker.engines.hunyuan.engine import HunyuanConfig
from ocr_worker.engines.vllm.canary import Canary, judge
from ocr_worker.engines.vllm.engine import VllmEngine
from ocr_worker.engines.vllm.releases import ADVICE, fault_of
from ocr_worker.engines.vllm.stand_in import StandIn, stand_in_app
from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from schemas.outcomes import Later, Misconfigured

ONE, OTHER = "SIZE 4821\nCOTTON", "RN 79305\nLINEN"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """A worker's engine before a stand-in for vLLM."""

    def __init__(self, **behaviour: object) -> None:
        self.clock, self.behaviour = Clock(), StandIn(**behaviour)
        transport = httpx.ASGITransport(stand_in_app(self.behaviour))
        self.engine = VllmEngine(HunyuanConfig(url="http://vllm"), transport, clock=self.clock)
        self.reader = Reader(self.engine, OcrConfig(slots=8))

    async def read(self, code: int):
        return await self.reader.read(coded(code))

    async def aclose(self) -> None:
        await self.reader.aclose()
        await self.engine.aclose()


@pytest.fixture
async def server():
    made: list[Server] = []

    def make(**behaviour: object) -> Server:
        made.append(Server(**behaviour))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


@pytest.mark.parametrize("version", ["0.28.0", "0.33.0", "0.12.0", "what"])
async def test_a_server_that_keeps_photos_apart_is_used_in_every_version(server, version):
    outcome = await server(version=version).read(0x12345678)

    assert isinstance(outcome, Reading)
    assert outcome.texts[0].text == "photo 12345678"
    assert outcome.engine.revision.endswith(f"vllm-{version}")


@pytest.mark.parametrize("version", ["0.28.0", "0.33.0"])
async def test_a_server_that_mixes_photos_gets_none_in_every_version(server, version):
    bad = server(version=version, mixes=True)
    outcomes = await asyncio.gather(*(bad.read(code) for code in range(1, 9)))

    assert {type(outcome) for outcome in outcomes} == {Misconfigured}
    assert {outcome.reason for outcome in outcomes} == {"vllm-mixes"}
    assert all(ADVICE in outcome.message for outcome in outcomes)
    canary_only = len(bad.behaviour.seen)
    assert isinstance(await bad.read(9), Misconfigured)
    assert len(bad.behaviour.seen) == canary_only, "nothing more is sent"


async def test_a_server_replaced_by_one_that_mixes_is_found_out_at_once(server):
    replaced = server()
    assert isinstance(await replaced.read(1), Reading)
    replaced.behaviour.version, replaced.behaviour.mixes = "0.33.0", True
    replaced.clock.now = 31.0

    assert isinstance(await replaced.read(2), Misconfigured)


async def test_a_server_that_begins_to_mix_is_found_out_within_minutes_and_photos_do_not_wait_for_the_proof(server):
    turning = server()
    assert isinstance(await turning.read(1), Reading)
    turning.behaviour.mixes = True
    turning.clock.now = 301.0

    assert isinstance(await turning.read(2), Reading), "the old proof holds while the next is under way"
    await turning.engine._canary._renewal
    assert isinstance(await turning.read(3), Misconfigured)


async def test_a_repaired_server_is_used_again(server):
    mended = server(mixes=True)
    assert isinstance(await mended.read(1), Misconfigured)
    mended.behaviour.mixes = False
    mended.clock.now = 31.0

    assert isinstance(await mended.read(1), Reading)


async def test_a_server_that_reads_nothing_proves_nothing(server):
    outcome = await server(lie="no_text").read(1)

    assert isinstance(outcome, Misconfigured)
    assert outcome.reason == "vllm-unproven"


async def test_a_full_server_is_proven_later(server):
    outcome = await server(failure=503).read(1)

    assert isinstance(outcome, Later)
    assert outcome.reason == "vllm-busy"


async def test_many_photos_at_once_share_one_proof():
    asked = 0

    async def read(_photo: bytes) -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return (ONE, OTHER)[asked % 2]

    canary = Canary()
    await asyncio.gather(*(canary.check(read, "") for _ in range(20)))
    assert asked == 2 + 3 * 6


async def test_a_worker_before_a_server_that_mixes_is_not_ready_and_says_why(worker, capsys):
    transport = httpx.ASGITransport(stand_in_app(StandIn(version="0.32.0", mixes=True)))
    async with worker(VllmEngine(HunyuanConfig(url="http://vllm"), transport)) as client:
        answer = await client.post("/ocr", files={"image": coded(1)})
        ready = await client.get("/readyz")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:hangtag:problem:vllm-mixes")
    assert ready.status_code == 503
    assert "text for another" in capsys.readouterr().out


@given(st.lists(st.sampled_from([ONE, ONE + ".", ONE.replace("8", "B")]), min_size=1, max_size=9))
def test_a_reading_that_varies_by_a_letter_is_no_exchange(readings):
    assert judge((ONE, OTHER), [(reading, OTHER) for reading in readings[:1]]) == "apart"


@given(st.integers(0, 8), st.booleans())
def test_one_exchange_in_any_round_is_found(at: int, both: bool):
    rounds = [(ONE, OTHER)] * 9
    rounds[at] = (OTHER, ONE if both else OTHER)
    assert judge((ONE, OTHER), rounds) == "mixed"


def test_garbage_in_place_of_a_text_is_an_exchange_when_it_comes_again():
    garbage = "#####"
    assert judge((ONE, OTHER), [(garbage, OTHER), (ONE, OTHER)]) == "apart"
    assert judge((ONE, OTHER), [(garbage, OTHER), (garbage, OTHER)]) == "mixed"
    assert judge(("", ""), [("", "")]) == "unread"


@pytest.mark.parametrize(
    ("vllm", "transformers", "fault"),
    [
        ("0.28.0", None, None),
        ("v0.27.1", "5.19.0", None),
        ("0.24.1", None, "has no HunyuanOCR model"),
        ("0.12.0", None, "has no HunyuanOCR model"),
        ("0.29.0", "5.20.2", "fails on the first photo"),
        ("0.33.0+cu130", None, "older than 5.20.1"),
        ("0.32.0", "5.19.0", "with transformers 5.19.0 returns one photo's text for another"),
        ("0.33.0", "5.20.0", "text for another"),
        ("0.33.0", "5.20.1", None),
        ("1.0.0", "6.0.0", None),
        ("dev", None, None),
    ],
)
def test_the_known_releases_only_choose_the_message(vllm, transformers, fault):
    found = fault_of(vllm, transformers)
    assert (found is None) if fault is None else (found is not None and fault in found)
