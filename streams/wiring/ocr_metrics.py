"""Exports the OCR pool's work and its workers' states as metrics. Knows nothing about photos."""

from collections.abc import Callable, Sequence

from ocr_worker.pool.pool import Sent, WorkerStatus
from streams.telemetry import metrics


def count_sent(sent: Sent) -> None:
    """Count one photo sent to one worker."""
    metrics.OCR_SENT.labels(sent.worker, sent.outcome).inc()
    metrics.OCR_SECONDS.labels(sent.worker).observe(sent.seconds)


def watch(status: Callable[[], Sequence[WorkerStatus]]) -> None:
    """From now on, read the states of this pool's workers at each scrape."""
    metrics.OCR_WORKER_IN_FLIGHT.watch(lambda: {(one.worker,): one.in_flight for one in status()})
    metrics.OCR_WORKER_STATE.watch(lambda: {(one.worker, one.state): 1 for one in status()})
