"""Exports the sink's state as metrics. Knows nothing about profiles."""

from collections.abc import Callable

from klaviyo_sink.sink import SinkStatus
from streams.telemetry import metrics


def watch(status: Callable[[], SinkStatus]) -> None:
    """From now on, read this sink's state at each scrape."""
    metrics.SINK_JOBS.watch(lambda: {(lane,): count for lane, count in status().jobs.items()})
    metrics.KLAVIYO_BUDGET.watch(lambda: {(operation,): one.steady for operation, one in status().budget.items()})
    metrics.KLAVIYO_LEFT.watch(lambda: {(operation,): one.left for operation, one in status().budget.items()})
