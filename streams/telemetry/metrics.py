"""
Defines every metric of the stages. Knows no code that counts.

Other processes have their own: `ocr_worker/server/metrics.py`, `streams/gateway/middleware.py`,
`streams/lag/exporter.py`, `streams/telemetry/canary_metrics.py`.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

#: Most characters of an exemplar's names and values together (OpenMetrics 1.0, "Exemplars").
_EXEMPLAR_MOST: Final = 128
#: Reasons of dead letters that the stage itself decides, without its handler.
_OWN_REASONS: Final = ("bug", "not-json", "unknown-version", "invalid-event", "unencodable")


class CallbackGauge(Collector):
    """A gauge that calls a function at each scrape, so that a removed label disappears from the metrics."""

    def __init__(
        self, name: str, meaning: str, labels: tuple[str, ...], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.name, self.labels, self._meaning = name, labels, meaning
        self._read: Callable[[], Mapping[tuple[str, ...], float]] = dict
        registry.register(self)

    def watch(self, ask: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Call `ask` at each scrape from now on. It returns the values, keyed by label values."""
        self._read = ask

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the current values."""
        family = GaugeMetricFamily(self.name, self._meaning, labels=self.labels)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family


BUILD = Gauge(
    "hangtag_build_info", "Always 1; the labels are the running version and its Python.", ["version", "python"]
)
BUILD.labels(version("hangtag"), platform.python_version()).set(1)

EVENTS = Counter("hangtag_events", "Events finished, by stage and outcome (done, dead_letter).", ["stage", "outcome"])
RETRIES = Counter("hangtag_retries", "Retries, by stage and reason.", ["stage", "reason"])
DEAD_LETTERS = Counter("hangtag_dead_letters", "Dead letters, by stage and reason.", ["stage", "reason"])
PENDING = Gauge("hangtag_pending_events", "Events fetched from Kafka and not finished.", ["stage"])
WORKING = Gauge("hangtag_events_in_flight", "Events being processed.", ["stage"])
OLDEST = Gauge(
    "hangtag_oldest_event_seconds",
    "Age in Kafka of the oldest unfinished event, in seconds; 0 with none.",
    ["stage"],
)
SECONDS = Histogram(
    "hangtag_upload_to_profile_seconds",
    "Seconds from the upload to the written profile; exemplars name an upload.",
    buckets=(0.5, 1, 2, 3, 5, 8, 13, 30, 60, 300, 1800),
)

OCR_SENT = Counter(
    "hangtag_ocr_sent",
    "Photos sent to an OCR worker, by worker and outcome (read, refused, or the reason of a failure).",
    ["worker", "outcome"],
)
OCR_SECONDS = Histogram(
    "hangtag_ocr_seconds",
    "Seconds from sending a photo to an OCR worker to its response.",
    ["worker"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)
OCR_WORKER_IN_FLIGHT = CallbackGauge(
    "hangtag_ocr_worker_in_flight", "Photos sent to an OCR worker and not yet answered.", ("worker",)
)
OCR_WORKER_STATE = CallbackGauge(
    "hangtag_ocr_worker_state", "1 for the state an OCR worker is in (ready, returning, out).", ("worker", "state")
)

LEXICON = CallbackGauge("hangtag_lexicon_info", "1 for the version of the lexicon in use.", ("version",))

SYNCED = Counter(
    "hangtag_profiles_synced",
    "Uploads processed by the sync stage, by outcome (written, unchanged, forgotten) and lane (single, bulk).",
    ["outcome", "lane"],
)
SINK_JOBS = CallbackGauge("hangtag_sink_jobs", "Batches being sent to Klaviyo, by lane (single, bulk).", ("lane",))
KLAVIYO_BUDGET = CallbackGauge(
    "hangtag_klaviyo_budget", "Requests per minute that all sync processes together may send.", ("operation",)
)
KLAVIYO_LEFT = CallbackGauge(
    "hangtag_klaviyo_budget_left",
    "Requests left in the current minute as seen by this process; use min() across processes.",
    ("operation",),
)

PHOTOS_SWEPT = Counter("hangtag_photos_swept", "Photos deleted because of their age.")
PHOTOS_EXPIRED = Counter(
    "hangtag_photos_expired", "Uploads whose photo was deleted because of its age before this stage read it."
)
SWEEP_ENDED = Gauge(
    "hangtag_sweep_timestamp_seconds", "Time of this process's last sweep, seconds since the epoch; 0 for never."
)


def expect(stage: str) -> None:
    """Create a stage's rare counters at 0, because Prometheus sees no increase in a series that starts at 1."""
    for outcome in ("done", "dead_letter"):
        EVENTS.labels(stage, outcome)
    for reason in _OWN_REASONS:
        DEAD_LETTERS.labels(stage, reason)


def exemplar(**names: str | None) -> dict[str, str]:
    """Build an exemplar from these labels, without labels that do not fit."""
    kept: dict[str, str] = {}
    room = _EXEMPLAR_MOST
    for name, value in names.items():
        if value is not None and len(name) + len(value) <= room:
            kept[name] = value
            room -= len(name) + len(value)
    return kept
