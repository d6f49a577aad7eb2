"""What the OCR pool did and how its workers are, as metrics. Knows nothing of photos."""

from collections.abc import Callable, Sequence

from ocr_worker.pool.pool import Sent, WorkerStatus
from streams.telemetry import metrics


def count_sent(sent: Sent) -> None:
    """Count one photo sent to one worker."""
    metrics.OCR_SENT.labels(sent.worker, sent.outcome).inc()
    metrics.OCR_SECONDS.labels(sent.worker).observe(sent.seconds)


def watch(status: Callable[[], Sequence[WorkerStatus]]) -> None:
    """Tell of this pool's workers from now on, whenever metrics are read."""
    metrics.OCR_WORKER_IN_FLIGHT.watch(lambda: {(one.worker,): one.in_flight for one in status()})
    metrics.OCR_WORKER_STATE.watch(lambda: {(one.worker, one.state): 1 for one in status()})
