"""The worker's Prometheus metrics, each defined once. Knows no HTTP and no engine."""

import platform
from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ocr_worker.result import Reading

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)


class Meters:
    """The metrics, on their own registry, so that two workers in one process do not mix."""

    def __init__(self, in_flight: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "hangtag_ocr_answers", "Responses to POST /ocr by status.", ["status"], registry=self._registry
        )
        self._verdicts = Counter(
            "hangtag_ocr_readings", "Photos read by quality verdict.", ["verdict"], registry=self._registry
        )
        self._lines = Counter("hangtag_ocr_lines", "Lines read.", registry=self._registry)
        self._looks = Counter(
            "hangtag_ocr_looks",
            "Photos that something looked at: values, nothing, or no_answer in time.",
            ["outcome"],
            registry=self._registry,
        )
        self._steps = Histogram(
            "hangtag_ocr_step_seconds", "Time per step of a photo.", ["step"], buckets=_SECONDS, registry=self._registry
        )
        taken = Gauge("hangtag_ocr_in_flight", "Photos accepted and not answered yet.", registry=self._registry)
        taken.set_function(in_flight)
        build = Gauge(
            "hangtag_build_info",
            "Always 1; the labels are the running version and its Python.",
            ["version", "python"],
            registry=self._registry,
        )
        build.labels(version("hangtag"), platform.python_version()).set(1)

    def answered(self, status: int) -> None:
        """Count one response."""
        self._answers.labels(str(status)).inc()

    def read(self, reading: Reading) -> None:
        """Count one photo that was read."""
        self._verdicts.labels(reading.quality.verdict).inc()
        self._lines.inc(len(reading.texts))
        if "look" in reading.timings_ms:
            seen = reading.seen
            self._looks.labels("no_answer" if seen is None else "values" if seen.values else "nothing").inc()
        for step, ms in reading.timings_ms.items():
            self._steps.labels(step).observe(ms / 1000)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
