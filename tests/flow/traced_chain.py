"""The real parts of the three stages without a broker, and a backend that takes their spans."""

import asyncio
import io
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from PIL import Image
from pydantic import SecretStr

from klaviyo_sink.config import SinkConfig
from klaviyo_sink.sandbox.app import create_app as create_klaviyo
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.sink import open_sink
from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.pool.pool import OcrPool, PoolDependencies
from ocr_worker.server.app import create_app as create_ocr
from schemas.codec import Headers
from schemas.emitter import Delivered
from schemas.producer import Published, Upload, UploadProducer
from schemas.spans import TraceHeaders
from schemas.topics import topics
from streams.config.settings import Settings
from streams.photos.store import PhotoStore
from streams.runtime.stage import Record, Stage
from streams.runtime.track import Delivery, Partition
from streams.telemetry.otel import OtelSpans, otlp_exporter
from streams.wiring import stages
from streams.wiring.assembly import assemble
from streams.wiring.photos import make_store

KEY = "pk_traced"
EMAIL = "wang.fang@shop-of-hers.cn"


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP, as a tracing backend does; `server.status` says whether."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.status == 200 and self.path == "/v1/traces":
            self.server.bodies.append(body)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_words: object):
        pass


@contextmanager
def collecting() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.bodies, server.status = [], 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield server
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def to(collector: ThreadingHTTPServer, process: str) -> OtelSpans:
    return OtelSpans(otlp_exporter(collector.url), f"hangtag.{process}")


def taken(collector: ThreadingHTTPServer) -> list:
    """Return the spans that came, in the order they began; each knows its process."""
    found = []
    for body in collector.bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            found += [(span, names["service.name"]) for scope in resource.scope_spans for span in scope.spans]
    return sorted(found, key=lambda one: one[0].start_time_unix_nano)


def facts(span) -> dict:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


class Topics:
    """Keeps messages by topic, as Kafka would."""

    def __init__(self) -> None:
        self.messages: dict[str, list[Record]] = {}

    async def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        self.messages.setdefault(topic, []).append(Record(key, value, headers, time.time()))

    async def deliver(self, topic, *, key, value, headers) -> Delivered:
        await self.send(topic, key=key, value=value, headers=headers)
        return Delivered(topic, 0, len(self.messages[topic]) - 1)


class Chain:
    """The real parts of the three stages without a broker: each message is handed over by the test."""

    def __init__(self, kafka: Topics, stages: dict[str, Stage], store: PhotoStore, spans) -> None:
        self.kafka, self.stages, self.store, self.spans = kafka, stages, store, spans
        #: Trace contexts of the requests that reached Klaviyo.
        self.at_klaviyo: list[str | None] = []

    async def publish(self, photo: bytes, trace: TraceHeaders = ()) -> Record:
        names = topics()
        producer = UploadProducer(self.kafka, self.store, topic=names.uploads.name, spans=self.spans("upload"))
        upload = Upload(photo=photo, name="p.png", shopper_id="shopper-77", identity={"email": EMAIL}, trace=trace)
        assert isinstance(await producer.publish(upload), Published)
        return self.kafka.messages[names.uploads.name][-1]

    async def deliver(self, stage: str, record: Record, *, offset: int = 0) -> Record:
        """Have a stage work on a message; gives what it published."""
        bound = self.stages[stage]
        (out,) = [topic.name for topic in bound.outputs.values() if "feedback" not in topic.name]
        before = len(self.kafka.messages.get(out, ()))
        one = Delivery(Partition(bound.topic.name, 3), record.key, offset, record, attempts=1)
        assert await bound.process(one) is None
        (published,) = self.kafka.messages[out][before:]
        return published


@asynccontextmanager
async def chain(tmp_path, make_spans) -> AsyncIterator[Chain]:
    settings = Settings(store_url=f"file:{tmp_path}/photos", state_url=f"sqlite:///{tmp_path}/state.db")
    kafka, store = Topics(), make_store(settings)
    made: dict[str, object] = {}

    def spans(name: str):
        return made.setdefault(name, make_spans(name))

    klaviyo = create_klaviyo(KEY)
    running = Chain(kafka, {}, store, spans)

    async def noting(scope, receive, send):
        if scope["path"].startswith("/api/"):
            running.at_klaviyo.append(dict(scope["headers"]).get(b"traceparent"))
        await klaviyo(scope, receive, send)

    listening = listen("127.0.0.1", 0)
    server = make_server(noting)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    ocr = create_ocr(OcrConfig(), ScriptedEngine(), spans=spans("ocr"))
    config = SinkConfig(
        url_of(listening), SecretStr(KEY), state_url=f"sqlite:///{tmp_path}/state.db", spans=spans("sync")
    )
    sink = await open_sink(config)
    around = PoolDependencies(transport=httpx.ASGITransport(ocr))
    async with ocr.router.lifespan_context(ocr), OcrPool(["http://ocr"], None, 30, 4, around) as pool:
        for plan in (stages.recognize(settings, pool=pool), stages.tag(settings), stages.sync(settings, sink=sink)):
            parts = await assemble(plan, spans=spans(plan.name), emitter=kafka)
            running.stages[plan.name] = parts.stage
        yield running
    await sink.aclose()
    server.should_exit = True
    await serving
    for one in made.values():
        await asyncio.to_thread(one.close)


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "white").save(out, "PNG")
    return out.getvalue()
