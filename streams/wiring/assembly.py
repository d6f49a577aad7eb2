"""
Assembles a stage from its plan as its process runs it: handler, erasure guard, emitter and what runs in the background.

Commands, tests and benches assemble stages here, so that none of them runs without the guard. Knows no stage's parts:
`streams/wiring/stages.py` plans them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from schemas.spans import NO_SPANS, Spans
from streams.config.settings import Settings
from streams.flow import flow_of
from streams.runtime.dead_letters import HaltLimit
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import Handler, OnDelivered, Route, Stage

if TYPE_CHECKING:
    from schemas.emitter import Emitter
    from schemas.events import Event, FrozenModel
    from streams.erasure.guard import ForgottenShoppers
    from streams.runtime.process import Background, Parts

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The parts in which a stage differs from the others. `assemble` builds the stage from it."""

    #: Name in `streams.flow`: recognize, tag, sync, notifications or rekey.
    name: str
    settings: Settings
    #: Opens the handler's own parts (pool, sink) on the event loop. Returns the handler, and how to close them.
    open_handler: Callable[[Spans], Awaitable[tuple[Handler, Close | None]]]
    #: Model of the consumed messages, if they are not the topic's events.
    reads: type[FrozenModel] | None = None
    #: Runs on SIGHUP.
    reload: Callable[[], object] | None = None
    #: Background task; the process ends when it does.
    background: Background | None = None
    #: Runs after a handler's events are delivered and before their input is committed.
    on_delivered: OnDelivered | None = None
    #: Runs for each event of a forgotten shopper that ends without a result.
    on_forgotten: Callable[[Event], Awaitable[None]] | None = None
    #: Whether the stage processes several events of one shopper at a time, and publishes them in order.
    overlaps_keys: bool = False
    #: Creates the producer of messages; None for the real one.
    make_emitter: Callable[[], Emitter] | None = None


def with_handler(name: str, settings: Settings, handle: Handler, *, overlaps_keys: bool = False) -> StagePlan:
    """Plan a stage with a handler that has no parts to open, such as a stand-in of a test or bench."""

    async def opened(_spans: Spans) -> tuple[Handler, None]:
        return handle, None

    return StagePlan(name, settings, opened, overlaps_keys=overlaps_keys)


async def assemble(
    plan: StagePlan,
    *,
    spans: Spans = NO_SPANS,
    emitter: Emitter | None = None,
    forgotten: ForgottenShoppers | None = None,
) -> Parts:
    """
    Build a planned stage: its handler inside the erasure guard, bound to its topics.

    Args:
        plan: The plan of the stage.
        spans: Records a span for each try.
        emitter: Delivers messages; None for the plan's own.
        forgotten: The forgotten shoppers; None to read them from the state database.

    Raises:
        UnusableError: the Schema Registry does not answer, or the state database cannot be opened.

    """
    from streams.erasure.guard import ForgottenShoppers, drop_forgotten
    from streams.runtime.process import Parts

    known = forgotten or ForgottenShoppers(plan.settings.state_url.get_secret_value())
    handle, close = await plan.open_handler(spans)
    # Guard the sync stage too, although its sink reads the ledger. The shopper may be forgotten while an event is in
    # progress. A dead letter would then keep the shopper.
    guarded = drop_forgotten(handle, known.includes, plan.on_forgotten)
    if emitter is None:
        # Create it in a thread, because this may wait for a Schema Registry.
        emitter = await asyncio.to_thread(plan.make_emitter or partial(_real_emitter, plan.settings))
    producer = emitter

    async def aclose() -> None:
        await producer.aclose()
        if close is not None:
            await close()
        await asyncio.to_thread(known.close)
        await asyncio.to_thread(spans.close)

    return Parts(bind(plan, guarded, producer, spans=spans), aclose, reload=plan.reload, background=plan.background)


def run_stage(plan: StagePlan) -> NoReturn:
    """
    Run a planned stage as this process until a signal.

    Raises:
        UnusableError: traces are wanted, and OpenTelemetry is not installed.

    """
    from streams.runtime.process import run
    from streams.telemetry.logs import set_up_logs
    from streams.telemetry.spans import make_spans

    set_up_logs(plan.settings)
    spans = make_spans(plan.settings, plan.name)
    run(plan.settings, partial(assemble, plan, spans=spans))


def bind(plan: StagePlan, handle: Handler, emitter: Emitter, *, spans: Spans = NO_SPANS) -> Stage:
    """Bind a handler to the plan's topics, with the retries and the halt limit of the settings."""
    settings = plan.settings
    consumed, produced = flow_of(settings)[plan.name]
    return Stage(
        plan.name,
        Route(
            consumed,
            {topic.event: topic for topic in produced if topic.event is not None},
            plan.reads,
            overlaps_keys=plan.overlaps_keys,
        ),
        handle,
        emitter=emitter,
        halt=HaltLimit(in_a_row=settings.halt_in_a_row, share=settings.halt_share),
        retry=RetryPolicy(settings.retry_base_s, settings.retry_cap_s, settings.handler_timeout_s),
        spans=spans,
        on_delivered=plan.on_delivered,
    )


def _real_emitter(settings: Settings) -> Emitter:
    from streams.runtime.process import leave
    from streams.wiring.kafka import make_emitter

    return make_emitter(settings, crash=leave)
