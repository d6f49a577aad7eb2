"""
Runs one stage as a process: start, commit, watch, stop. Exits rather than living on half dead.

A supervisor (`hangtag worker all`, compose, Kubernetes) starts it again; exit code `HALTED` asks it not to.
"""

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import NoReturn

import structlog

from schemas.steady_clock import now as steady_now
from streams.config.settings import Settings, UnusableError
from streams.kafka.clients import wait_for_topics
from streams.runtime.app import StageApp
from streams.runtime.garbage import collect_seldom
from streams.runtime.group_watch import findings, partition_count
from streams.runtime.health import serve_health
from streams.runtime.intake import Intake
from streams.runtime.stage import HaltError, Record, Stage
from streams.runtime.supervisor import HALTED
from streams.runtime.window import GapError, Window
from streams.telemetry import metrics

log = structlog.get_logger()

#: As every command that was told something it cannot use.
UNUSABLE = 2
CRASHED, ZOMBIE, GAP = 70, 71, 72
#: What a stop may take besides draining: the last commit, leaving the group.
_GOODBYE_S = 15
#: How often a stage looks who else is in its group.
_GROUP_WATCH_S = 20
#: The longest a halting stage tries to commit what it finished.
_HALT_S = 15
#: New objects, for each event held, after which the cyclic collector looks at them. At sync some 20 MB in all.
_COLLECT_AT = 40


#: Background task next to a stage. Gets `is_leader()`: true in one process of the group, for work only one may do.
Background = Callable[[Callable[[], bool]], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a stage process runs on, and how to let go of it."""

    stage: Stage
    aclose: Callable[[], Awaitable[None]]
    #: Loads again, on SIGHUP, what the stage works by; None when there is nothing to load.
    reload: Callable[[], object] | None = None
    #: When it ends, so does the process.
    background: Background | None = None


def run(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> NoReturn:
    """
    Run a stage until a signal; never returns.

    SIGTERM or SIGINT drains what was begun and commits it; a second one exits at once, and what
    was not committed is delivered again. SIGHUP reloads what can be reloaded, and stops nothing.
    """
    asyncio.run(_run_or_leave(settings, make))
    raise AssertionError("a stage leaves from within")


async def _run_or_leave(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> None:
    # Left from within: tasks and threads of Faust and aiokafka, some of which outlive any number of cancellations,
    # would hold the end of the loop up for ever.
    try:
        await _run(settings, make)
    except Exception as error:  # noqa: BLE001 - whatever it is, the process must end
        leave(error)
    os._exit(0)


async def _run(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> None:
    stop = asyncio.Event()
    _stop_on_signal(stop)
    loop = asyncio.get_running_loop()
    # It would end the process; a stage with nothing to reload lives on.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    stopping = asyncio.create_task(stop.wait())
    # A Schema Registry may be asked first, and take its time.
    making = asyncio.ensure_future(make())
    await asyncio.wait({making, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        os._exit(0)
    parts = making.result()
    if parts.reload is not None:
        loop.add_signal_handler(signal.SIGHUP, parts.reload)
    collect_seldom(settings.pending * _COLLECT_AT)
    stage = parts.stage
    needed = {stage.topic.name, *(topic.name for topic in stage.outputs.values()), stage.dead_letters}
    waiting = asyncio.create_task(asyncio.to_thread(wait_for_topics, settings, needed))
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        # Nothing was taken yet; the thread that waits for topics needs no goodbye.
        os._exit(0)
    waiting.result()
    group = f"{settings.group_prefix}.{stage.name}"
    intake = Intake(settings, group=group, topic=stage.topic.name, crash=leave)
    intake.window = window = _window(settings, stage, intake)
    app = StageApp(settings, intake, group=group, topic=stage.topic.name)
    health = await serve_health(settings, intake)
    # Watched from the first moment: a member may be dead before it was ever alive.
    chores = [
        asyncio.create_task(_watch(intake, window, stage.name, settings)),
        asyncio.create_task(_live(app, stage)),
        asyncio.create_task(_commit(intake, settings.commit_interval_s)),
        asyncio.create_task(_watch_group(intake, settings, group, stage.topic.name)),
    ]
    if parts.background is not None:
        chores.append(asyncio.create_task(parts.background(intake.is_leader)))
    await asyncio.wait({stopping, *chores}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        for chore in chores:
            if chore.done() and (error := chore.exception()) is not None:
                leave(error)
        log.error("Faust stopped by itself", stage=stage.name, cause=type(app.crash_reason).__name__)
        os._exit(CRASHED)
    log.info("draining", stage=stage.name, unfinished=window.pending)
    for chore in chores:
        chore.cancel()
    await _leave_in_order(app, intake, stage.name, settings.drain_s + _GOODBYE_S)
    await parts.aclose()
    await health()
    log.info("stopped", stage=stage.name)


def _stop_on_signal(stop: asyncio.Event) -> None:
    def on_signal() -> None:
        if stop.is_set():
            log.warning("second signal: leaving at once; unfinished events will be delivered again")
            os._exit(130)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


async def _leave_in_order(app: StageApp, intake: Intake, name: str, limit_s: float) -> None:
    """Drain, commit and leave the group; before the first assignment there is nothing to leave."""
    if not intake.was_assigned:
        return
    try:
        await asyncio.wait_for(app.stop(), limit_s)
    except TimeoutError:
        log.warning("left without a goodbye; unfinished events will be delivered again", stage=name)
        os._exit(CRASHED)


def _window(settings: Settings, stage: Stage, intake: Intake) -> Window[Record]:
    window: Window[Record] = Window(
        stage.process,
        ack=intake.done,
        first_offset=intake.first_offset,
        is_natural_gap=intake.is_natural_gap,
        crash=lambda error: _halt(intake, window, error) if isinstance(error, HaltError) else leave(error),
        in_flight=settings.in_flight,
        pending=settings.pending,
        span=settings.span,
        overlap=stage.overlaps_keys,
        partitions=intake.partition_count,
    )
    metrics.PENDING.labels(stage.name).set_function(lambda: window.pending)
    metrics.WORKING.labels(stage.name).set_function(lambda: window.working)
    metrics.OLDEST.labels(stage.name).set_function(lambda: _oldest_s(window))
    return window


def _oldest_s(window: Window[Record]) -> float:
    """Tell for how many seconds the oldest unfinished event has been in Kafka; 0 with none."""
    came = [delivery.record.timestamp for delivery in window.oldest()]
    return max(0.0, steady_now().timestamp() - min(came)) if came else 0.0


async def _live(app: StageApp, stage: Stage) -> None:
    await app.start()
    log.info("started", stage=stage.name, topic=stage.topic.name)
    await app.wait_until_stopped()


async def _commit(intake: Intake, interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await intake.commit_done()


async def _watch(intake: Intake, window: Window[Record], name: str, settings: Settings) -> None:
    while True:
        await asyncio.sleep(2)
        reason = intake.zombie(settings.zombie_after_s) or _stuck(window, settings.handler_timeout_s + _GOODBYE_S)
        if reason is not None:
            log.error("zombie: leaving, to be started again", stage=name, reason=reason)
            os._exit(ZOMBIE)


async def _watch_group(intake: Intake, settings: Settings, group: str, topic: str) -> None:
    """Log each time another program joins the group or commits in it, and how records lie on foreign partitions."""
    known: tuple[str, ...] = ()
    cause: str | None = None
    while True:
        await asyncio.sleep(_GROUP_WATCH_S)
        numbers = [one.number for one in intake.partitions()]
        found = await asyncio.to_thread(findings, settings, group, topic, numbers)
        for sentence in found:
            if sentence not in known:
                log.error("a stranger in the group", group=group, message=sentence)
        known = found
        count = await asyncio.to_thread(partition_count, settings, topic)
        wrong = intake.sample.judge(count) if count else None
        if wrong is not None and wrong.cause != cause:
            log.warning("records off their key's partition", topic=topic, message=wrong.told, advice=wrong.advice)
        cause = None if wrong is None else wrong.cause


def _stuck(window: Window[Record], patience_s: float) -> str | None:
    """Say when something is being worked on and nothing ever returns; a retry is a return."""
    if not window.working or time.monotonic() - window.moved_at < patience_s:
        return None
    return f"nothing came back for {patience_s:.0f} s"


def _halt(intake: Intake, window: Window[Record], error: HaltError) -> None:
    """Commit what was finished, its dead letters included, so that it is not done again; then leave."""

    async def halt() -> None:
        try:
            async with asyncio.timeout(_HALT_S):
                await window.drain(0)
                await intake.commit_done()
        except Exception as failure:  # noqa: BLE001 - a stage that must halt may not live on
            log.warning("halting without a last commit", error=type(failure).__name__)
        leave(error)

    _last_words.add(asyncio.get_running_loop().create_task(halt()))


#: Keeps the last task of a halting process from being collected.
_last_words: set["asyncio.Task[None]"] = set()


def leave(error: BaseException) -> NoReturn:
    """Leave at once without committing anything more: what is unfinished will be delivered again."""
    known = {HaltError: HALTED, GapError: GAP, UnusableError: UNUSABLE}
    code = next((code for kind, code in known.items() if isinstance(error, kind)), CRASHED)
    if code == CRASHED:
        # Class and place only: the message of an unknown exception may quote an event.
        place = "".join(traceback.format_tb(error.__traceback__))
        log.error("crashed: leaving, to be started again", error=type(error).__name__, at=place)
    else:
        log.error("leaving", error=type(error).__name__, message=str(error))
    os._exit(code)
