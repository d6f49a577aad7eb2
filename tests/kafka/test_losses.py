"""
The ways in which Faust 0.15.3 loses messages, each against our stage on a real Kafka.

`HANGTAG_TEST_STAGE=plain pytest tests/kafka/test_losses.py` runs them against a plain Faust agent
instead, which fails them.
"""

import asyncio
import signal
import time

import pytest
from every_letter import letters
from traffic import Upload, committed, hear, hear_all, publish, stage, uploads

from streams.config.settings import Settings
from streams.wiring.kafka import make_emitter, make_topics


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"retry_base_s": 0.1, "drain_s": 5})


def await_committed_to_the_end(settings: Settings, *, limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while any(max(done, 0) < end for done, end in committed(settings).values()):
        assert time.monotonic() < deadline, committed(settings)
        time.sleep(0.2)


async def test_an_exception_in_the_handler_loses_nothing(settings, tmp_path):
    """Loss 1: Faust acknowledges the message whose handler raised, and goes on with the next."""
    await publish(settings, uploads(10, shoppers=1, behaviour={5: "bug"}))
    with stage(settings, tmp_path):
        heard = await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 9)
        await asyncio.to_thread(await_committed_to_the_end, settings)
        assert "s0-5" not in heard
        (letter,) = await asyncio.to_thread(letters, settings)
        assert letter.facts is not None
        assert letter.facts.reason == "bug"
        assert b"s0-5" in (letter.seen.value or b"")


@pytest.mark.parametrize("warm", [False, True], ids=["fresh group", "warm group"])
async def test_a_kill_while_the_head_is_slow_loses_nothing(settings, tmp_path, warm):
    """Loss 2: Faust commits past one unfinished message at the head of a partition."""
    if warm:
        await publish(settings, [Upload(number, "warm") for number in range(5)])
        with stage(settings, tmp_path) as first:
            await asyncio.to_thread(await_committed_to_the_end, settings)
            assert first.stop() == 0
    these = uploads(40, shoppers=8, behaviour={0: "slow-8000"})
    await publish(settings, these)
    with stage(settings, tmp_path) as first:
        # Only the slow one's own shopper waits behind it; all others overtake.
        others = {upload.id for upload in these if upload.shopper != "s0"}
        await asyncio.to_thread(hear, settings, lambda heard: others <= set(heard))
        await asyncio.sleep(1.5)  # time for a wrong commit to happen
        first.kill()
    with stage(settings, tmp_path):
        await asyncio.to_thread(hear, settings, lambda heard: {upload.id for upload in these} <= set(heard))


async def test_restarts_lose_nothing(settings, tmp_path):
    """Loss 3: Faust drops the first messages after a clean restart."""
    these = uploads(320)
    feeding = asyncio.create_task(publish(settings, these, per_s=20))
    for _ in range(4):
        with stage(settings, tmp_path, mean_ms=20) as running:
            await asyncio.to_thread(running.await_said, "assigned")
            await asyncio.sleep(1.5)
            assert await asyncio.to_thread(running.stop) == 0
    await feeding
    with stage(settings, tmp_path) as last:
        await asyncio.to_thread(last.await_said, "assigned ")
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == len(these))
        assert await asyncio.to_thread(last.stop) == 0
    assert hear_all(settings).duplicates == 0


async def test_bytes_that_are_no_event_become_a_letter(settings, tmp_path):
    """Loss 4: Faust acknowledges and skips what its codec rejects."""
    emitter = make_emitter(settings)
    poison = b"\x00\xffnot json"
    topic = make_topics(settings).uploads.name
    assert await emitter.send(topic, key=b"s0", value=poison, headers=[("mine", b"1")]) is None
    await publish(settings, uploads(4, shoppers=1))
    with stage(settings, tmp_path):
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 4)
        await asyncio.to_thread(await_committed_to_the_end, settings)
    (letter,) = letters(settings)
    assert (letter.seen.key, letter.seen.value, letter.seen.headers[0]) == (b"s0", poison, ("mine", b"1"))
    await emitter.aclose()


async def test_a_stop_in_the_middle_of_the_work_loses_nothing(settings, tmp_path):
    """Loss 5: on SIGTERM Faust acknowledges the event it cancels."""
    await publish(settings, uploads(1, behaviour={0: "slow-3600000"}))
    with stage(settings, tmp_path, drain_s=1) as running:
        await asyncio.to_thread(running.await_said, "assigned ")
        await asyncio.sleep(2)
        assert await asyncio.to_thread(running.stop) == 0
        assert running.said("unfinished=1"), "it had not even begun"
    assert all(done <= 0 for done, _ in committed(settings).values())


async def test_a_rebalance_in_the_middle_of_a_drain_neither_hangs_nor_repeats(settings, tmp_path):
    """A rolling restart with a surge: the next worker joins while this one still finishes its work."""
    these = uploads(24, shoppers=24, behaviour=dict.fromkeys(range(24), "slow-7000"))
    await publish(settings, these)
    with stage(settings, tmp_path, drain_s=18) as leaving:
        await asyncio.to_thread(leaving.await_said, "assigned ")
        await asyncio.sleep(2)
        leaving.send(signal.SIGTERM)
        await asyncio.to_thread(leaving.await_said, "draining")
        with stage(settings, tmp_path):
            assert await asyncio.to_thread(leaving.process.wait, 40) == 0
            await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 24)
            await asyncio.to_thread(await_committed_to_the_end, settings)
    assert hear_all(settings).duplicates == 0


async def test_a_second_signal_leaves_at_once_and_loses_nothing(settings, tmp_path):
    await publish(settings, uploads(1, behaviour={0: "slow-3600000"}))
    with stage(settings, tmp_path, drain_s=30) as running:
        await asyncio.to_thread(running.await_said, "slow work begins")
        running.send(signal.SIGTERM)
        await asyncio.to_thread(running.await_said, "draining")
        began = time.monotonic()
        running.send(signal.SIGTERM)
        assert running.process.wait(5) == 130
        assert time.monotonic() - began < 2
    assert all(done <= 0 for done, _ in committed(settings).values())


async def test_an_event_that_fails_for_a_while_succeeds_after_the_outage(settings, tmp_path):
    outage = tmp_path / "outage"
    outage.touch()
    await publish(settings, uploads(20, behaviour=dict.fromkeys(range(0, 20, 2), "later")))
    with stage(settings, tmp_path) as running:
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 10)
        await asyncio.to_thread(running.await_said, "trying again later")
        outage.unlink()
        heard = await asyncio.to_thread(hear, settings, lambda heard: len(heard) == 20)
    assert heard.duplicates == 0
