"""
Every metric of the stages, with its kind and meaning. Knows nothing of where it is counted.

Other processes have their own: `ocr_worker/server/metrics.py`, `lag_exporter.py`, `canary_metrics.py`.
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
#: Why a stage itself gives an event up, whatever its handler says.
_OWN_REASONS: Final = ("bug", "not-json", "unknown-version", "invalid-event", "unencodable")


class Asked(Collector):
    """A gauge whose values are asked for when metrics are read, so that what is gone is not told of."""

    def __init__(
        self, name: str, meaning: str, labels: tuple[str, ...], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.name, self.labels, self._meaning = name, labels, meaning
        self._ask: Callable[[], Mapping[tuple[str, ...], float]] = dict
        registry.register(self)

    def watch(self, ask: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Ask here from now on: values by their labels'."""
        self._ask = ask

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give the values there are."""
        family = GaugeMetricFamily(self.name, self._meaning, labels=self.labels)
        for labels, value in self._ask().items():
            family.add_metric(labels, value)
        yield family


BUILD = Gauge("hangtag_build_info", "1 for the version that runs, and its Python.", ["version", "python"])
BUILD.labels(version("hangtag"), platform.python_version()).set(1)

EVENTS = Counter("hangtag_events", "Events finished, by stage and outcome (done, dead_letter).", ["stage", "outcome"])
RETRIES = Counter("hangtag_retries", "Tries put off, by stage and reason.", ["stage", "reason"])
DEAD_LETTERS = Counter("hangtag_dead_letters", "Dead letters, by stage and reason.", ["stage", "reason"])
PENDING = Gauge("hangtag_pending_events", "Events taken from Kafka and not finished.", ["stage"])
WORKING = Gauge("hangtag_events_in_flight", "Events being worked on.", ["stage"])
OLDEST = Gauge(
    "hangtag_oldest_event_seconds",
    "Since the oldest event taken and not finished came to Kafka; 0 with none.",
    ["stage"],
)
SECONDS = Histogram(
    "hangtag_upload_to_profile_seconds",
    "From the shopper's upload to the profile written; exemplars name an upload.",
    buckets=(0.5, 1, 2, 3, 5, 8, 13, 30, 60, 300, 1800),
)

OCR_SENT = Counter(
    "hangtag_ocr_sent",
    "Photos sent to an OCR worker, by worker and outcome (read, refused, or why there was neither).",
    ["worker", "outcome"],
)
OCR_SECONDS = Histogram(
    "hangtag_ocr_seconds",
    "From sending a photo to an OCR worker to its answer.",
    ["worker"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)
OCR_WORKER_IN_FLIGHT = Asked("hangtag_ocr_worker_in_flight", "Photos under way at an OCR worker.", ("worker",))
OCR_WORKER_STATE = Asked(
    "hangtag_ocr_worker_state", "1 for the state an OCR worker is in (ready, returning, out).", ("worker", "state")
)

LEXICON = Asked("hangtag_lexicon_info", "1 for the version of the lexicon that tags.", ("version",))

SYNCED = Counter(
    "hangtag_profiles_synced",
    "Uploads that profiles say, by outcome (written, unchanged, forgotten) and lane (single, bulk).",
    ["outcome", "lane"],
)
SINK_JOBS = Asked("hangtag_sink_jobs", "Batches on their way to Klaviyo, by lane (single, bulk).", ("lane",))
KLAVIYO_BUDGET = Asked(
    "hangtag_klaviyo_budget", "Requests that all sync processes may send in a minute.", ("operation",)
)
KLAVIYO_LEFT = Asked(
    "hangtag_klaviyo_budget_left",
    "Of these, requests left just now, as far as this process knows: the least of all processes' is true.",
    ("operation",),
)

PHOTOS_SWEPT = Counter("hangtag_photos_swept", "Photos deleted because of their age.")
PHOTOS_EXPIRED = Counter(
    "hangtag_photos_expired", "Uploads whose photo was deleted because of its age before this stage came to them."
)
SWEEP_ENDED = Gauge("hangtag_sweep_timestamp_seconds", "When this process last swept, since the epoch; 0 for never.")


def expect(stage: str) -> None:
    """Bring into being, at 0, what counts rare things in a stage: Prometheus sees no increase in a first 1."""
    for outcome in ("done", "dead_letter"):
        EVENTS.labels(stage, outcome)
    for reason in _OWN_REASONS:
        DEAD_LETTERS.labels(stage, reason)


def exemplar(**names: str | None) -> dict[str, str]:
    """Name what was observed; names for which there is no room are left out."""
    kept: dict[str, str] = {}
    room = _EXEMPLAR_MOST
    for name, value in names.items():
        if value is not None and len(name) + len(value) <= room:
            kept[name] = value
            room -= len(name) + len(value)
    return kept
