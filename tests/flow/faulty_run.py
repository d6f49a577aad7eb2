"""A run where all goes wrong, with real processes: what is planted in it, and all that it says to anyone who looks."""

import asyncio
import hashlib
import io
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from PIL import Image
from sync_process import read, running, tagged
from traced_chain import collecting, taken
from typer.testing import CliRunner

from ocr_worker.engines.scripted import _PHRASES
from schemas.codec import encode
from schemas.events import Identity, Photo, PhotoUploaded
from schemas.topics import dlq_name
from streams.cli.main import app
from streams.config.settings import Settings, child_environment
from streams.kafka.reader import follow
from streams.wiring.kafka import make_emitter, make_topics
from streams.wiring.photos import make_store

#: By the variable's name; each is in a file of that name, as Docker and Kubernetes mount it.
SECRETS = {
    "HANGTAG_KLAVIYO_KEY": "pk_planted_key",
    "HANGTAG_KLAVIYO_ERASURE_KEY": "pk_planted_erasure_key",
    "HANGTAG_KLAVIYO_CLIENT_SECRET": "planted-oauth-secret",
    "HANGTAG_OCR_TOKEN": "planted-bearer-token",
    "HANGTAG_OCR_VLLM_KEY": "planted-vllm-key",
    "HANGTAG_GATEWAY_TOKEN": "planted-gateway-token",
    "HANGTAG_KAFKA_PASSWORD": "planted-kafka-password",
    "HANGTAG_SCHEMA_REGISTRY_PASSWORD": "planted-registry-password",
}
#: What libraries read by themselves, as variables only.
VARIABLES = {
    "AWS_SECRET_ACCESS_KEY": "planted-aws-secret",
    "AWS_SESSION_TOKEN": "planted-aws-session",
    "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=planted-otlp-key",
}
KEY, GATEWAY = SECRETS["HANGTAG_KLAVIYO_KEY"], SECRETS["HANGTAG_GATEWAY_TOKEN"]
PASSWORD = "planted-db-password"
EMAIL, PHONE = "planted.person@wardrobe.cn", "+8613812345678"
MARK = "PLANTED-IMAGE-BYTES"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SHOPS, GOOD = range(6), 7
STAGES = ("recognize", "tag", "sync")
COMMANDS = (
    "doctor",
    "lag",
    "dlq list",
    "dlq list --json",
    "trace missing",
    "trace good-0",
    "trace good-0 --json",
)


@dataclass
class Said:
    """The run's output by surface, and the spans with the process that sent each."""

    logs: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)
    spans: list = field(default_factory=list)


def planted() -> set[str]:
    """Return every planted value, none of which may appear in an output."""
    people = {EMAIL, EMAIL.partition("@")[0], PHONE, PHONE[1:]}
    texts = {f"photo {hashlib.sha256(photo(shade)).hexdigest()[:16]}" for shade in range(GOOD)}
    return {*SECRETS.values(), *VARIABLES.values(), "planted-otlp-key", PASSWORD, MARK, *people, *texts, *_PHRASES}


def photo(shade: int) -> bytes:
    """Draw a photo that carries the mark, as cameras write comments."""
    out = io.BytesIO()
    Image.new("L", (64, 64), shade).save(out, "JPEG", comment=MARK.encode())
    return out.getvalue()


def until(condition: Callable[[], bool], *, limit_s: float = 90) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


async def publish(settings: Settings) -> None:
    """Publish good uploads and all kinds of bad ones."""
    store, emitter, topics = make_store(settings), make_emitter(settings), make_topics(settings)

    async def send(topic: str, value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
        assert await emitter.send(topic, key=b"s", value=value, headers=headers) is None

    async def upload(name: str, stored: bytes | None, *, sha256: str | None = None) -> None:
        uri = await store.put(shopper_id="s", upload_id=name, suffix=".jpg", photo=stored or b"")
        assert isinstance(uri, str)
        if stored is None:
            await store.remove(uri)
        event = PhotoUploaded(
            upload_id=name,
            shopper_id="s",
            uploaded_at=datetime.now(UTC),
            photo=Photo(uri=uri, sha256=sha256),
            identity=Identity(email=EMAIL),
        )
        trace = [("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]
        await send(topics.uploads.name, *encode(event, source="test", trace=trace))

    for shade in SHOPS:
        await upload(f"good-{shade}", photo(shade))
    await upload("missing", None)
    await upload("garbage", MARK.encode() * 9)
    await upload("changed", photo(99), sha256="0" * 64)
    person = json.dumps({"schema_version": 1, "upload_id": EMAIL, "phone_number": PHONE, "texts": [MARK]}).encode()
    for topic in (topics.uploads, topics.texts, topics.tags):
        await send(topic.name, f"{EMAIL} {PHONE} {MARK}".encode(), [])
        await send(topic.name, person, [])
    refused = tagged("refused", Identity(email=EMAIL.replace("wardrobe.cn", "example.com")))
    await send(topics.tags.name, *encode(refused, source="test"))
    await emitter.aclose()


def post(url: str, said: Said) -> None:
    """Have the gateway take one photo, and refuse others."""
    form = {"data": {"shopper_id": "s", "email": EMAIL}}
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
        until(lambda: http.get("/readyz").is_success)
        http.headers["Authorization"] = f"Bearer {GATEWAY}"
        taken = http.post("/uploads", files={"photo": photo(GOOD - 1)}, **form)
        assert taken.status_code == 202, taken.text
        answers = [
            taken,
            http.get(taken.headers["location"]),
            http.post("/uploads", files={"photo": MARK.encode()}, **form),
            http.post("/uploads", files={"photo": photo(0)}, data={"email": EMAIL}),
            http.post("/uploads", files={"photo": photo(0)}, headers={"Authorization": f"Bearer {GATEWAY}x"}, **form),
        ]
    assert [answer.status_code for answer in answers] == [202, 200, 415, 422, 401]
    said.pages |= {f"answer {at} of the gateway": f"{one.headers} {one.text}" for at, one in enumerate(answers)}


def look(urls: dict[str, str], said: Said) -> None:
    """Read every process's pages."""
    with httpx.Client(trust_env=False, timeout=30) as http:
        for name, url in urls.items():
            for page in ("healthz", "readyz", "metrics"):
                answer = http.get(f"{url}/{page}", headers={"Accept": "application/openmetrics-text"})
                said.pages[f"{name} /{page}"] = f"{answer.status_code} {answer.headers} {answer.text}"


def ask(settings: dict[str, object], said: Said) -> None:
    """Run the commands that people run when something is wrong."""
    environment = child_environment(**settings) | {"COLUMNS": "1000"}
    for command in COMMANDS:
        told = CliRunner().invoke(app, command, env=environment)
        assert told.exit_code == (1 if command == "doctor" else 0), told.output
        said.commands[command] = told.output


def letters(settings: Settings) -> int:
    topics = make_topics(settings)
    return sum(len(read(settings, dlq_name(topic.name))) for topic in (topics.uploads, topics.texts, topics.tags))


def headers(settings: Settings, said: Said) -> None:
    """Read what topics hold beside the events; whole messages where no one's e-mail or text belongs."""
    topics = make_topics(settings)
    bare = {topics.profiles.name, topics.feedback.name}
    for seen in follow(settings, [topic.name for topic in topics.all()]):
        shown = (seen.headers, seen.key, seen.value) if seen.topic in bare else (seen.headers,)
        said.topics[seen.topic] = said.topics.get(seen.topic, "") + repr(shown)


def three_ports() -> int:
    """Find the first of three free ports in a row."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            try:
                for following in (port + 1, port + 2):
                    socket.create_server(("127.0.0.1", following)).close()
            except (OSError, OverflowError):
                continue
        return port


def faulty_run(broker: str, folder: Path) -> Said:
    """Start every process, inject every fault, and record all output."""
    said, mounted = Said(), folder / "secrets"
    mounted.mkdir()
    for name, secret in SECRETS.items():
        (mounted / name).write_text(secret)
    settings = Settings(bootstrap_servers=broker, store_url=f"file:{folder}/photos")
    topics, port = make_topics(settings), three_ports()
    logs = {name: folder / f"{name}.log" for name in ("klaviyo", "ocr", "gateway", "exporter", "stages", "broken")}
    with collecting() as collector:
        common = {
            "bootstrap_servers": broker,
            "log_format": "json",
            "log_level": "debug",
            "ocr_engine": "scripted",
            "secrets_dir": mounted,
            "store_url": settings.store_url,
            "traces_endpoint": collector.url,
        }
        unreachable = f"postgresql+psycopg://hangtag:{PASSWORD}@127.0.0.1:1/hangtag"
        stages = common | {
            "health_port": port,
            "retry_base_s": 0.1,
            "retry_cap_s": 0.5,
            "session_timeout_s": 6,
            "state_url": f"sqlite:///{folder}/state.db",
        }
        with (
            running(logs["klaviyo"], "klaviyo", "sandbox", "--port", "0", "--key", KEY) as sandbox,
            running(logs["ocr"], "ocr", "serve", "--port", "0", **common) as worker,
            running(logs["gateway"], "gateway", "--port", "0", "--allow-email", **common) as gateway,
            running(logs["exporter"], "lag", "exporter", "--port", "0", **common) as exporter,
        ):
            processes = (sandbox, worker, gateway, exporter)
            klaviyo, ocr, door, lag = (process.stdout.readline().split()[-1] for process in processes)
            # One missing worker and a refused Klaviyo key, then a limit and an outage.
            stages |= {"klaviyo_url": klaviyo, "ocr_urls": json.dumps(["http://127.0.0.1:1", ocr])}
            with (
                httpx.Client(base_url=klaviyo, trust_env=False) as http,
                running(logs["stages"], "worker", "all", **stages),
                running(logs["broken"], "worker", "sync", **common | {"state_url": unreachable}),
            ):
                http.post("/sandbox/faults", json={"faults": [{"status": 401}]}).raise_for_status()
                asyncio.run(publish(settings))
                post(door, said)
                until(lambda: "cannot go on until this is fixed" in logs["stages"].read_text())
                faults = [{"status": 429, "retry_after": "1", "share": 0.5}, {"status": 500}]
                http.post("/sandbox/faults", json={"faults": faults, "requests": 4}).raise_for_status()
                until(lambda: len(read(settings, topics.profiles.name)) >= GOOD and letters(settings) >= 9)
                healthy = {stage: f"http://127.0.0.1:{port + at}" for at, stage in enumerate(STAGES)}
                look(healthy | {"ocr": ocr, "gateway": door, "exporter": lag.removesuffix("/metrics")}, said)
                ask(stages, said)
                until(lambda: bool(logs["broken"].read_text()))
        headers(settings, said)
    said.logs = {name: log.read_text() for name, log in logs.items()}
    said.spans = taken(collector)
    said.traces = {f"export {at}": body.decode("utf-8", "replace") for at, body in enumerate(collector.bodies)}
    return said
