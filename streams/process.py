"""
Runs one stage as a process: start, commit, watch, stop. Exits rather than living on half dead.

A supervisor (`hangtag worker all`, compose, Kubernetes) starts it again; exit code `HALTED` asks it not to.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NoReturn

import structlog
from aiokafka.errors import KafkaError

from streams import metrics
from streams.app import StageApp
from streams.health import serve_health
from streams.kafka import first_readable, wait_for_topics
from streams.settings import Settings
from streams.stage import HaltError, Record, Stage
from streams.window import GapError, Partition, Window

log = structlog.get_logger()

CRASHED, ZOMBIE, GAP, HALTED = 70, 71, 72, 73
#: Longest a stop waits for a rebalance to end.
_SETTLE_S = 10


@dataclass(frozen=True, slots=True)
class Parts:
    """What a stage process runs on, and how to let go of it."""

    stage: Stage
    aclose: Callable[[], Awaitable[None]]


def run(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> NoReturn:
    """
    Run a stage until a signal; never returns.

    SIGTERM or SIGINT drains what was begun and commits it; a second one exits at once, and what
    was not committed is delivered again.
    """
    asyncio.run(_run(settings, make))
    # Faust and aiokafka leave threads behind that would hold the process up; everything is committed and closed.
    os._exit(0)


async def _run(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> None:
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            log.warning("second signal: leaving at once; unfinished events will be delivered again")
            os._exit(130)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    parts = await make()
    stage = parts.stage
    needed = {stage.topic.name, *(topic.name for topic in stage.outputs.values()), stage.dead_letters}
    waiting = asyncio.create_task(asyncio.to_thread(wait_for_topics, settings, needed))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        # Nothing was taken yet; the thread that waits for topics needs no goodbye.
        os._exit(0)
    app = StageApp(settings, group=f"{settings.group_prefix}.{stage.name}", topic=stage.topic.name)
    app.window = _window(settings, stage, app)
    app.crash_on = _exit_on
    health = await serve_health(settings, app)
    # Watched from the first moment: a member may be dead before it was ever alive.
    chores = [
        asyncio.create_task(_watch(app, stage.name, settings.zombie_after_s)),
        asyncio.create_task(_live(app, stage)),
        asyncio.create_task(_commit(app, settings.commit_interval_s)),
    ]
    await asyncio.wait({stopping, *chores}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        for chore in chores:
            if chore.done() and (error := chore.exception()) is not None:
                _exit_on(error)
        log.error("Faust stopped by itself", stage=stage.name, cause=type(app.crash_reason).__name__)
        os._exit(CRASHED)
    await _leave_in_order(app, stage.name, chores)
    await parts.aclose()
    await health()
    log.info("stopped", stage=stage.name)


async def _leave_in_order(app: StageApp, name: str, chores: Sequence["asyncio.Task[None]"]) -> None:
    log.info("draining", stage=name, unfinished=app.window.pending if app.window else 0)
    # In the middle of a rebalance the window is drained already; leaving then would waste what it committed.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.settled.wait(), _SETTLE_S)
    for chore in chores:
        chore.cancel()
    if not app.settled.is_set():
        log.warning("left in the middle of a rebalance; unfinished events will be delivered again", stage=name)
        os._exit(0)
    await app.stop()


def _window(settings: Settings, stage: Stage, app: StageApp) -> Window[Record]:
    async def is_natural_gap(partition: Partition, expected: int, offset: int) -> bool:
        found = await asyncio.to_thread(first_readable, settings, partition.topic, partition.number, expected)
        log.warning("offsets skipped", partition=str(partition), expected=expected, handed=offset, readable=found)
        return found == offset

    window: Window[Record] = Window(
        stage.process,
        ack=app.done,
        first_offset=app.first_offset,
        is_natural_gap=is_natural_gap,
        crash=_exit_on,
        in_flight=settings.in_flight,
        pending=settings.pending,
        span=settings.span,
    )
    metrics.PENDING.labels(stage.name).set_function(lambda: window.pending)
    metrics.WORKING.labels(stage.name).set_function(lambda: window.working)
    return window


async def _live(app: StageApp, stage: Stage) -> None:
    await app.start()
    log.info("started", stage=stage.name, topic=stage.topic.name)
    await app.wait_until_stopped()


async def _commit(app: StageApp, interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await app.commit_done()


async def _watch(app: StageApp, name: str, patience_s: float) -> None:
    for turn in count(1):
        await asyncio.sleep(2)
        reason = app.zombie(patience_s)
        if reason is not None:
            log.error("zombie: leaving, to be started again", stage=name, reason=reason)
            os._exit(ZOMBIE)
        # Asking for the ends of logs waits its turn in Faust's consumer thread, so it is asked less often.
        try:
            made_again = await app.recreated() if app.settled.is_set() and turn % 5 == 0 else None
        except KafkaError as error:
            # A broker that does not answer is an outage: nothing to conclude from it.
            log.warning("no answer from Kafka", stage=name, error=type(error).__name__)
            continue
        if made_again is not None:
            log.error("topic was made again: leaving, to start at its beginning", stage=name, partition=made_again)
            os._exit(GAP)


def _exit_on(error: BaseException) -> NoReturn:
    """Leave without committing anything more: what is unfinished will be delivered again."""
    code = HALTED if isinstance(error, HaltError) else GAP if isinstance(error, GapError) else CRASHED
    ours = code != CRASHED
    log.error("leaving", error=type(error).__name__, message=str(error) if ours else "see the exception's class")
    os._exit(code)
