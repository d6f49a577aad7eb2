"""How the sink stands, as metrics. Knows nothing of profiles."""

from collections.abc import Callable

from klaviyo_sink.sink import SinkStatus
from streams.telemetry import metrics


def watch(status: Callable[[], SinkStatus]) -> None:
    """Tell of this sink from now on, whenever metrics are read."""
    metrics.SINK_JOBS.watch(lambda: {(lane,): count for lane, count in status().jobs.items()})
    metrics.KLAVIYO_BUDGET.watch(lambda: {(operation,): one.steady for operation, one in status().budget.items()})
    metrics.KLAVIYO_LEFT.watch(lambda: {(operation,): one.left for operation, one in status().budget.items()})
