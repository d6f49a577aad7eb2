"""One upload is one trace, from the producer to Klaviyo, in a backend that takes OTLP; and nothing at all when off."""

import asyncio
import logging
import subprocess
import sys
import time

import httpx
import pytest
from pydantic import SecretStr
from traced_chain import EMAIL, KEY, Topics, chain, collecting, facts, photo, taken, to
from typer.testing import CliRunner

from klaviyo_sink.api.client import KlaviyoClient, PrivateKey
from schemas.outcomes import Never
from schemas.spans import NO_SPANS
from schemas.topics import topics
from streams.cli.main import app as hangtag
from streams.runtime.dead_letters import HaltLimit
from streams.runtime.retry import RetryPolicy
from streams.runtime.stage import Record, Route, Stage
from streams.runtime.track import Delivery, Partition
from streams.telemetry.otel import OtelSpans, otlp_exporter


@pytest.fixture
def collector():
    with collecting() as running:
        yield running


async def test_one_upload_is_one_trace_and_stays_one_when_it_is_delivered_again(tmp_path, collector):
    async with chain(tmp_path, lambda name: to(collector, name)) as running:
        uploaded = await running.publish(photo())
        first = await running.deliver("recognize", uploaded, offset=5)
        # A worker that was killed before its commit: another is handed the same message.
        again = await running.deliver("recognize", uploaded, offset=5)
        await running.deliver("sync", await running.deliver("tag", first))
        at_klaviyo = [one for one in running.at_klaviyo if one is not None]
        # The ledger knows the event, so the stage sends Klaviyo nothing.
        await running.deliver("sync", await running.deliver("tag", again))
    spans = taken(collector)
    assert [(span.name, process) for span, process in spans] == [
        ("publish", "hangtag.upload"),
        ("recognize", "hangtag.recognize"),
        ("ocr", "hangtag.ocr"),
        ("recognize", "hangtag.recognize"),
        ("ocr", "hangtag.ocr"),
        ("tag", "hangtag.tag"),
        ("sync", "hangtag.sync"),
        ("POST /api/events", "hangtag.sync"),
        ("tag", "hangtag.tag"),
        ("sync", "hangtag.sync"),
    ]
    publish, recognized, read, repeated, reread, tagged, synced, written, retagged, resynced = (
        span for span, _ in spans
    )
    assert len({span.trace_id for span, _ in spans}) == 1
    assert [span.parent_span_id for span, _ in spans] == [
        b"",
        publish.span_id,
        recognized.span_id,
        publish.span_id,
        repeated.span_id,
        recognized.span_id,
        tagged.span_id,
        synced.span_id,
        repeated.span_id,
        retagged.span_id,
    ]
    assert [one[:-3] for one in at_klaviyo] == [f"00-{written.trace_id.hex()}-{written.span_id.hex()}".encode()]
    told = facts(recognized)
    assert told["hangtag.outcome"] == "done"
    assert told["messaging.destination.name"] == "outfit.uploads"
    assert (told["messaging.destination.partition.id"], told["messaging.kafka.offset"]) == ("3", 5)
    steps = {"hangtag.decode_ms", "hangtag.prepare_ms", "hangtag.queue_ms", "hangtag.engine_ms", "hangtag.total_ms"}
    assert steps < facts(read).keys()
    assert facts(reread)["http.response.status_code"] == 200
    assert facts(written)["http.response.status_code"] == 202
    assert (facts(synced)["hangtag.written"], facts(resynced)["hangtag.written"]) == ("written", "unchanged")
    knowing = [span for span, _ in spans if span.name in {"publish", "recognize", "tag", "sync"}]
    assert len({facts(span)["hangtag.upload_id"] for span in knowing}) == 1


async def test_spans_contain_no_text_and_no_address(tmp_path, collector):
    async with chain(tmp_path, lambda name: to(collector, name)) as running:
        read = await running.deliver("recognize", await running.publish(photo()))
        await running.deliver("sync", await running.deliver("tag", read))
    everything = b"".join(collector.bodies)
    assert b"hangtag.upload_id" in everything
    for secret in (EMAIL, "shopper-77", KEY, "COTTON", "棉", "photo "):
        assert secret.encode() not in everything


async def test_a_producers_trace_continues_to_klaviyo_without_opentelemetry(tmp_path):
    async with chain(tmp_path, lambda _name: NO_SPANS) as running:
        theirs = f"00-{'ab' * 16}-{'cd' * 8}-01".encode()
        assert "traceparent" not in dict((await running.publish(photo())).headers)
        uploaded = await running.publish(photo(), [("traceparent", theirs), ("cookie", b"shop")])
        assert "cookie" not in dict(uploaded.headers)
        read = await running.deliver("recognize", uploaded)
        synced = await running.deliver("sync", await running.deliver("tag", read))
        assert dict(synced.headers)["traceparent"] == theirs
        assert running.at_klaviyo == [theirs]


def make_stage(handle, spans, kafka) -> Stage:
    names = topics()
    halt = HaltLimit(in_a_row=1000, share=1.0)
    return Stage(
        "recognize",
        Route(names.uploads, {}),
        handle,
        emitter=kafka,
        halt=halt,
        retry=RetryPolicy(1, 1),
        spans=spans,
    )


async def test_a_dead_letter_keeps_its_trace_and_its_span_says_why(collector):
    kafka, spans = Topics(), to(collector, "recognize")

    async def refuse(_event):
        return Never("photo-changed", "the photo's bytes are not those the event was published for")

    trace = b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01"
    record = Record(b"s", b"{}", [("traceparent", trace)], 0.0)
    stage = make_stage(refuse, spans, kafka)
    assert await stage.process(Delivery(Partition("outfit.uploads", 0), b"s", 1, record, attempts=1)) is None
    await asyncio.to_thread(spans.close)
    ((span, _),) = taken(collector)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert (facts(span)["hangtag.outcome"], facts(span)["error.type"]) == ("dead_letter", "invalid-event")
    (letter,) = kafka.messages["outfit.uploads.dlq"]
    assert dict(letter.headers)["traceparent"] == trace


async def test_a_job_is_a_span_below_each_upload_that_it_carries(collector):
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(429, headers={"retry-after": "1"})

    spans = to(collector, "sync")
    auth, transport = PrivateKey(SecretStr(KEY)), httpx.MockTransport(answer)
    traces = [[("traceparent", f"00-{digit * 32}-{'cd' * 8}-01".encode())] for digit in "ab"]
    async with KlaviyoClient(
        "http://klaviyo", auth, revision="2026-07-15", timeout_s=9, transport=transport, spans=spans
    ) as client:
        await client.create_events(b"{}", by_profile_id=False, traces=traces)
        await client.call("GET", "/api/accounts")
    await asyncio.to_thread(spans.close)
    assert ["traceparent" in request.headers for request in asked] == [False, False]
    found = [span for span, _ in taken(collector)]
    assert {span.trace_id.hex() for span in found} == {"a" * 32, "b" * 32}
    assert [span.name for span in found] == ["POST /api/event-bulk-create-jobs"] * 2
    assert {facts(span)["error.type"] for span in found} == {"429"}


def test_a_collector_that_is_down_costs_one_line_and_no_waiting(collector, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0.2")
    collector.status = 503
    spans = OtelSpans(otlp_exporter(f"{collector.url}/"), "hangtag.tag")
    with caplog.at_level(logging.DEBUG):
        began = time.monotonic()
        for _ in range(5000):
            with spans.begin("tag", "consumer", ()):
                pass
        while not caplog.records and time.monotonic() - began < 30:
            time.sleep(0.05)
        closing = time.monotonic()
        spans.close()
        # It gives the backend three seconds; left alone the library would take 30.
        assert time.monotonic() - closing < 15
    ours = [record for record in caplog.records if not record.name.startswith(("urllib3", "requests"))]
    assert [record.getMessage() for record in ours] == [
        f"traces are not accepted at 127.0.0.1:{collector.server_port}: they are dropped until they are"
    ]


def test_without_the_setting_nothing_of_opentelemetry_is_loaded_and_no_thread_runs():
    program = """
import sys, threading
from streams.cli import worker
from streams.runtime import process
from streams.agents import tags, texts, uploads
from streams.config.settings import Settings
from streams.telemetry.spans import make_spans
import klaviyo_sink.sink
assert type(make_spans(Settings(), "tag")).__module__ == "schemas.spans"
print([name for name in sys.modules if name.startswith("opentelemetry")], threading.active_count())
import ocr_worker.server.app
from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
ocr_worker.server.app.create_app(OcrConfig(), ScriptedEngine())
# FastAPI itself loads the bare API.
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.stdout.splitlines() == ["[] 1", "[]"], told.stderr


@pytest.mark.parametrize("command", [("worker", "tag"), ("ocr", "serve"), ("upload", __file__, "--shopper", "s")])
def test_a_missing_extra_ends_the_command_with_one_line(monkeypatch, command):
    monkeypatch.delitem(sys.modules, "streams.telemetry.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    environment = {"HANGTAG_TRACES_ENDPOINT": "http://127.0.0.1:4318", "HANGTAG_OCR_ENGINE": "scripted"}
    told = CliRunner().invoke(hangtag, list(command), env=environment)
    assert told.exit_code == 2
    assert told.stderr.splitlines()[-1].endswith("pip install 'hangtag[otel]', or unset it")


def test_an_invalid_endpoint_ends_the_command_with_one_line():
    told = CliRunner().invoke(hangtag, ["worker", "tag"], env={"HANGTAG_TRACES_ENDPOINT": "collector:4318"})
    assert (told.exit_code, told.stderr) == (
        2,
        "HANGTAG_TRACES_ENDPOINT: not an http(s) address, such as http://127.0.0.1:4318\n",
    )
