"""
Runs one stage as a process: start, commit, watch, stop. Exits on any fault instead of running on half broken.

A supervisor (`hangtag worker all`, compose, Kubernetes) restarts it, except after exit code `HALTED`.
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
from streams.kafka.clients import NoKafkaError, wait_for_topics
from streams.runtime.app import StageApp
from streams.runtime.garbage import collect_seldom
from streams.runtime.group_watch import isolated_looks
from streams.runtime.intake import Intake
from streams.runtime.stage import HaltError, Record, Stage
from streams.runtime.supervisor import HALTED
from streams.runtime.window import GapError, Window
from streams.telemetry import metrics

log = structlog.get_logger()

#: The exit code of every command with an unusable setting, option or file.
UNUSABLE = 2
CRASHED, ZOMBIE, GAP = 70, 71, 72
#: Seconds that a stop may take in addition to draining: the last commit, leaving the group.
_GOODBYE_S = 15
#: Seconds between two looks for foreign members in the group.
_GROUP_WATCH_S = 20
#: Longest time in seconds that a halting stage tries to commit.
_HALT_S = 15
#: New objects per pending event after which the cyclic collector runs. For sync they take some 20 MB in total.
_COLLECT_AT = 40


#: Background task next to a stage. Gets `is_leader()`: true in one process of the group, for work only one may do.
Background = Callable[[Callable[[], bool]], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a stage process runs, and how to close it."""

    stage: Stage
    aclose: Callable[[], Awaitable[None]]
    #: Called on SIGHUP to reload the stage's data; None if there is nothing to reload.
    reload: Callable[[], object] | None = None
    #: Background task; when it ends, the process ends.
    background: Background | None = None


def run(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> NoReturn:
    """
    Run a stage until a signal; never returns.

    SIGTERM or SIGINT finishes events in progress and commits them. A second signal exits at once, and what was not
    committed is delivered again. SIGHUP reloads, and stops nothing.
    """
    asyncio.run(_run_or_leave(settings, make))
    raise AssertionError("a stage exits within its event loop")


async def _run_or_leave(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> None:
    # Exit from within the loop: some tasks and threads of Faust survive any number of cancellations, and would block
    # the end of the loop for ever.
    try:
        await _run(settings, make)
    except Exception as error:  # noqa: BLE001 - whatever it is, the process must end
        leave(error)
    os._exit(0)


async def _run(settings: Settings, make: Callable[[], Awaitable[Parts]]) -> None:
    stop = asyncio.Event()
    _stop_on_signal(stop)
    loop = asyncio.get_running_loop()
    # By default SIGHUP would end the process, even if there is nothing to reload.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    stopping = asyncio.create_task(stop.wait())
    # This may wait for a Schema Registry.
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
        # No event was fetched yet, and the thread that waits for topics needs no cleanup.
        os._exit(0)
    waiting.result()
    group = f"{settings.group_prefix}.{stage.name}"
    intake = Intake(settings, group=group, topic=stage.topic.name, crash=leave)
    intake.window = window = _window(settings, stage, intake)
    app = StageApp(settings, intake, group=group, topic=stage.topic.name)
    stop_health = await _serve_health(settings, intake)
    # Watch from the start: a member may hang before its first assignment.
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
        log.error("Faust stopped unexpectedly", stage=stage.name, cause=type(app.crash_reason).__name__)
        os._exit(CRASHED)
    log.info("draining", stage=stage.name, unfinished=window.pending)
    for chore in chores:
        chore.cancel()
    await _leave_in_order(app, intake, stage.name, settings.drain_s + _GOODBYE_S)
    await parts.aclose()
    await stop_health()
    log.info("stopped", stage=stage.name)


async def _serve_health(settings: Settings, intake: Intake) -> Callable[[], Awaitable[None]]:
    """Start the health pages, and return what stops them. A stage without them loads no web server."""
    if not settings.health_port:
        return _nothing_to_stop
    from streams.runtime.health import serve_health

    return await serve_health(settings, intake)


async def _nothing_to_stop() -> None:
    pass


def _stop_on_signal(stop: asyncio.Event) -> None:
    def on_signal() -> None:
        if stop.is_set():
            log.warning("second signal: exiting at once; unfinished events will be delivered again")
            os._exit(130)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


async def _leave_in_order(app: StageApp, intake: Intake, name: str, limit_s: float) -> None:
    """Drain, commit and leave the group. Before the first assignment there is nothing to leave."""
    if not intake.was_assigned:
        return
    try:
        await asyncio.wait_for(app.stop(), limit_s)
    except TimeoutError:
        log.warning("exited without leaving the group; unfinished events will be delivered again", stage=name)
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
    """Return the age in Kafka of the oldest unfinished event, in seconds; 0 if there is none."""
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
            log.error("zombie: exiting; restart the process", stage=name, reason=reason)
            os._exit(ZOMBIE)


async def _watch_group(intake: Intake, settings: Settings, group: str, topic: str) -> None:
    """Log when another program joins the group or commits in it, and when records are on wrong partitions."""
    known: tuple[str, ...] = ()
    cause: str | None = None
    with isolated_looks(settings, group, topic) as looks:
        while True:
            await asyncio.sleep(_GROUP_WATCH_S)
            try:
                look = await asyncio.to_thread(looks.ask)
            except NoKafkaError:
                # Ignore a failed look: the next one may succeed, and the stage itself reports what is wrong with Kafka.
                continue
            for sentence in look.findings:
                if sentence not in known:
                    log.error("foreign member in the group", group=group, message=sentence)
            known = look.findings
            wrong = intake.sample.judge(look.partitions)
            if wrong is not None and wrong.cause != cause:
                log.warning(
                    "records off their key's partition", topic=topic, message=wrong.finding, advice=wrong.advice
                )
            cause = None if wrong is None else wrong.cause


def _stuck(window: Window[Record], patience_s: float) -> str | None:
    """Return a sentence if events are in progress, but no handler has returned for long, not even to retry."""
    if not window.working or time.monotonic() - window.moved_at < patience_s:
        return None
    return f"no handler returned for {patience_s:.0f} s"


def _halt(intake: Intake, window: Window[Record], error: HaltError) -> None:
    """Commit what was finished, including dead letters, so that it is not processed again; then exit."""

    async def halt() -> None:
        try:
            async with asyncio.timeout(_HALT_S):
                await window.drain(0)
                await intake.commit_done()
        except Exception as failure:  # noqa: BLE001 - a stage that must halt may not live on
            log.warning("halting without a last commit", error=type(failure).__name__)
        leave(error)

    _last_words.add(asyncio.get_running_loop().create_task(halt()))


#: Keeps a reference to the last task of a halting process, which would otherwise be garbage collected.
_last_words: set["asyncio.Task[None]"] = set()


def leave(error: BaseException) -> NoReturn:
    """Exit at once without a commit: unfinished events will be delivered again."""
    known = {HaltError: HALTED, GapError: GAP, UnusableError: UNUSABLE}
    code = next((code for kind, code in known.items() if isinstance(error, kind)), CRASHED)
    if code == CRASHED:
        # Log class and place only, because the message of an unknown exception may quote an event.
        place = "".join(traceback.format_tb(error.__traceback__))
        log.error("crashed: exiting; restart the process", error=type(error).__name__, at=place)
    else:
        log.error("leaving", error=type(error).__name__, message=str(error))
    os._exit(code)
