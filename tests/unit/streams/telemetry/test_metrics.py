"""Metrics have their values in every format, before anything rare has happened."""

import asyncio
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ocr_worker.server.metrics import Meters
from streams.config.settings import Settings
from streams.lag.exporter import LagCollector
from streams.runtime.health import serve_health
from streams.runtime.process import _oldest_s
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition
from streams.telemetry import metrics


@dataclass
class Ready:
    """A stage that has its partitions."""

    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def zombie(self, _patience_s: float) -> str | None:
        return None


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_counters_of_rare_faults_start_at_0():
    metrics.expect("a-new-stage")
    assert value("hangtag_dead_letters_total", stage="a-new-stage", reason="bug") == 0
    assert value("hangtag_events_total", stage="a-new-stage", outcome="dead_letter") == 0


def test_a_metric_whose_source_is_gone_serves_no_value():
    registry, there = CollectorRegistry(), {("one",): 1.0}
    asked = metrics.CallbackGauge("things", "Things.", ("name",), registry)
    asked.watch(lambda: there)
    assert registry.get_sample_value("things", {"name": "one"}) == 1
    there.clear()
    assert registry.get_sample_value("things", {"name": "one"}) is None


@pytest.mark.parametrize(
    ("length", "kept"), [(36, {"upload_id", "trace_id"}), (100, {"upload_id"}), (128, {"trace_id"})]
)
def test_an_exemplar_names_as_much_as_openmetrics_has_room_for(length, kept):
    named = metrics.exemplar(upload_id="u" * length, trace_id="t" * 32, span_id=None)
    assert named.keys() == kept
    metrics.SECONDS.observe(1, named)


async def test_openmetrics_has_exemplars_and_the_plain_format_has_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    metrics.SECONDS.observe(7, metrics.exemplar(upload_id="the-slow-one"))
    stop = await serve_health(Settings(health_port=port), Ready())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            plain = await http.get("/metrics")
            accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
            full = await http.get("/metrics", headers=accept)
    finally:
        await stop()
    assert "the-slow-one" not in plain.text
    assert plain.headers["content-type"].startswith("text/plain")
    assert full.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name: family for family in text_string_to_metric_families(full.text)}
    exemplars = [sample.exemplar for sample in families["hangtag_upload_to_profile_seconds"].samples if sample.exemplar]
    assert {"upload_id": "the-slow-one"} in [one.labels for one in exemplars]
    (build,) = families["hangtag_build_info"].samples
    assert build.labels.keys() == {"version", "python"}


# promtool comes with Prometheus (apt-get install prometheus), and work on the code does not need it.
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
@pytest.mark.parametrize("process", ["stage", "ocr", "lag"])
def test_prometheus_finds_no_fault_with_our_names(process):
    lag = CollectorRegistry()
    lag.register(LagCollector("hangtag"))
    said = {"stage": generate_latest(), "ocr": Meters(lambda: 0).exposition(), "lag": generate_latest(lag)}[process]
    told = subprocess.run(["promtool", "check", "metrics"], input=said, capture_output=True, check=False)
    assert b"hangtag_" not in told.stdout + told.stderr


@dataclass
class Holding:
    """A window that holds these."""

    held: list[Delivery[Record]]

    def oldest(self) -> list[Delivery[Record]]:
        return self.held


def test_an_event_in_work_is_as_old_as_its_time_in_kafka():
    ages = (5, 90, 30)
    held = [
        Delivery(Partition("outfit.texts", at), None, 7, Record(None, b"", [], time.time() - age))
        for at, age in enumerate(ages)
    ]
    assert _oldest_s(Holding(held)) == pytest.approx(90, abs=5)
    assert _oldest_s(Holding([])) == 0
