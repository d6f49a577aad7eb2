"""What the OCR pool did and how its workers are, as metrics. Knows nothing of photos."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import REGISTRY
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ocr_worker.pool import Sent, WorkerStatus
from streams import metrics


def told(sent: Sent) -> None:
    """Count one photo sent to one worker."""
    metrics.OCR_SENT.labels(sent.worker, sent.outcome).inc()
    metrics.OCR_SECONDS.labels(sent.worker).observe(sent.seconds)


class Workers(Collector):
    """Asks the pool how its workers are when metrics are read, so that workers that left are not told of."""

    def __init__(self) -> None:
        self._status: Callable[[], Sequence[WorkerStatus]] = tuple

    def watch(self, status: Callable[[], Sequence[WorkerStatus]]) -> None:
        """Tell of this pool from now on."""
        self._status = status

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give the photos under way and the state of each worker."""
        under_way = GaugeMetricFamily(*metrics.OCR_WORKER_IN_FLIGHT, labels=["worker"])
        states = GaugeMetricFamily(*metrics.OCR_WORKER_STATE, labels=["worker", "state"])
        for one in self._status():
            under_way.add_metric([one.worker], one.in_flight)
            states.add_metric([one.worker, one.state], 1)
        yield under_way
        yield states


WORKERS = Workers()
REGISTRY.register(WORKERS)
