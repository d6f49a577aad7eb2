"""
Runs the whole chain with embedded defaults, each part as a process: broker, OCR worker, local Klaviyo, three stages.

Starts, feeds, watches and stops them. Judges the results by the topics alone.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from klaviyo_sink.account.campaigns import read_campaigns
from klaviyo_sink.account.setup import Setup, SetupError
from schemas.producer import Published, Upload
from streams.config.settings import Settings, child_environment
from streams.operations.journeys import Journey, Journeys
from streams.runtime.supervisor import Child, hangtag, start, stop
from streams.telemetry.spans import make_spans
from streams.wiring.klaviyo import make_klaviyo, make_sink_config
from streams.wiring.uploads import make_uploads

_KEY = "pk_demo"
#: Photos per invented shopper, so that profiles grow over several uploads.
_PHOTOS_PER_SHOPPER = 4


class DemoError(Exception):
    """A part of the demo ended unexpectedly; the message contains the end of its log."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running demo, and how to reach it."""

    settings: Settings
    klaviyo_url: str
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class SentSms:
    """A text that a flow sends, and the photo that triggered it."""

    shopper: str
    photo: str
    campaign: str
    text: str
    #: `sent`, or `waiting` for the end of the quiet hours.
    status: str
    #: When it is sent, RFC 3339.
    at: str


@asynccontextmanager
async def running(
    tell: Callable[[str], None], *, kafka: str | None = None, prefix: str = "outfit"
) -> AsyncIterator[Running]:
    """
    Start every part, and stop every part in the end, whatever happens.

    `kafka` is a cluster to use instead of the embedded broker; its topics under `prefix` must exist.
    """
    children: list[Child] = []
    with tempfile.TemporaryDirectory(prefix="hangtag-demo-") as folder:
        base = Path(folder)

        def child(name: str, *arguments: str, **settings: object) -> Child:
            made = Child(name, hangtag(*arguments), child_environment(**settings), log=base / f"{name}.log")
            children.append(made)
            return made

        try:
            tell("starting Kafka, the OCR worker and a local Klaviyo")
            # Other processes may use any port, so every part asks for a free one.
            servers = [
                child("ocr", "ocr", "serve", "--port", "0"),
                child("klaviyo", "klaviyo", "sandbox", "--port", "0", "--key", _KEY),
            ]
            if kafka is None:
                servers.append(child("broker", "broker", "--port", "0"))
            ocr_url, klaviyo_url, *embedded = await asyncio.gather(*(_ready(server) for server in servers))
            changed: dict[str, Any] = {
                "bootstrap_servers": kafka or embedded[0],
                "topic_prefix": prefix,
                "group_prefix": f"{prefix}-demo",
                "store_url": f"file:{base / 'photos'}",
                "state_url": f"sqlite:///{base / 'state.db'}",
                "ocr_urls": (ocr_url,),
                "klaviyo_url": klaviyo_url,
                "klaviyo_key": SecretStr(_KEY),
                "klaviyo_dry_run": False,
                "session_timeout_s": 6,
                "drain_s": 5,
            }
            if kafka is None:
                # The embedded broker has no TLS or passwords, whatever the shop's own Kafka requires.
                changed |= {"kafka_protocol": "plaintext", "schema_registry_url": ""}
            settings = Settings(**changed)
            environment = changed | {"ocr_urls": f'["{ocr_url}"]', "klaviyo_key": _KEY}
            tell("starting the three stages")
            await asyncio.gather(
                *(start(child(stage, "worker", stage, **environment)) for stage in ("recognize", "tag", "sync")),
                _set_up(settings),
            )
            yield Running(settings, klaviyo_url, tuple(children))
        finally:
            # Stages first: they need the others to finish their work.
            servers = [one for one in children if one.name in {"ocr", "klaviyo", "broker"}]
            for group in ([one for one in children if one not in servers], servers):
                await asyncio.gather(*(stop(one, grace_s=12) for one in group))


async def feed(demo: Running, photos: Sequence[Path], tell: Callable[[], None]) -> dict[str, Path]:
    """Store and publish each photo; return the photos by upload id."""
    uploads: dict[str, Path] = {}
    settings = demo.settings
    spans = make_spans(settings, "upload")
    await _agree(demo, {_shopper(at) for at in range(len(photos))})
    async with make_uploads(settings, spans=spans) as producer:
        for at, photo in enumerate(photos):
            answer = await producer.publish(Upload(photo=photo, shopper_id=_shopper(at)))
            if not isinstance(answer, Published):
                raise DemoError(f"{photo.name} was not published: {answer.message}")
            uploads[answer.upload_id] = photo
            tell()
    await asyncio.to_thread(spans.close)
    return uploads


async def watch(
    demo: Running, uploads: dict[str, Path], *, limit_s: float, tell: Callable[[int], None]
) -> dict[str, Journey]:
    """Follow the topics until every upload has ended, or for `limit_s` seconds."""
    journeys = Journeys(demo.settings, set(uploads))
    stopping = False
    following = asyncio.create_task(asyncio.to_thread(journeys.follow, lambda: not stopping))
    deadline = time.monotonic() + limit_s
    try:
        while time.monotonic() < deadline and not following.done():
            ended = await asyncio.to_thread(journeys.ended)
            tell(ended)
            if ended == len(uploads):
                break
            _check(demo.children)
            await asyncio.sleep(0.2)
    finally:
        stopping = True
        await following
    return journeys.by_upload


async def profiles(demo: Running) -> list[dict[str, Any]]:
    """Return the profiles of the local Klaviyo that have properties."""
    return [one for one in (await _state(demo))["profiles"] if one["properties"]]


async def texts(demo: Running, uploads: dict[str, Path]) -> list[SentSms]:
    """Return the texts that the local Klaviyo's flows would send, with the photo that triggered each."""
    state = await _state(demo)
    caused_by = {event["id"]: event["properties"].get("upload_id") for event in state["events"]}
    return [
        SentSms(
            shopper=one["to"],
            photo=uploads[caused_by[one["event_id"]]].name,
            campaign=one["flow"],
            text=one["body"],
            status=one["status"],
            at=one["at"],
        )
        for one in state["sms"]
    ]


async def _state(demo: Running) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=demo.klaviyo_url, timeout=10) as client:
        found: dict[str, Any] = (await client.get("/sandbox/state")).raise_for_status().json()
    return found


async def _set_up(settings: Settings) -> None:
    """Create the example campaign's flow and set it live, as `hangtag klaviyo setup --live` does."""
    names = make_sink_config(settings).names
    try:
        async with make_klaviyo(settings) as klaviyo:
            await Setup(klaviyo, settings.klaviyo_metric, names, live=True).run(read_campaigns(None))
    except SetupError as error:
        raise DemoError(f"the campaign was not set up: {error}") from None


async def _agree(demo: Running, shoppers: set[str]) -> None:
    """Record at the local Klaviyo that these shoppers consent to texts; at a real one only they can."""
    async with httpx.AsyncClient(base_url=demo.klaviyo_url, timeout=10) as client:
        agreed = {"external_ids": sorted(shoppers)}
        (await client.post("/sandbox/consent", json=agreed)).raise_for_status()


def _shopper(at: int) -> str:
    return f"shopper-{at // _PHOTOS_PER_SHOPPER + 1}"


async def _ready(server: Child, *, limit_s: float = 90) -> str:
    """Wait for the line that says that a server is ready, and return the address at its end."""
    await start(server, capture=True)
    async with asyncio.timeout(limit_s):
        while (line := await server.lines.get()) is not None:
            if " ready on " in line:
                return line.rsplit(" ", 1)[-1]
    raise DemoError(f"{server.name} did not start:\n{_log_end(server)}")


def _check(children: Sequence[Child]) -> None:
    for child in children:
        if child.process is not None and child.process.returncode is not None:
            raise DemoError(f"{child.name} ended unexpectedly ({child.process.returncode}):\n{_log_end(child)}")


def _log_end(child: Child) -> str:
    lines = child.log.read_text(errors="replace").splitlines() if child.log and child.log.exists() else []
    return "\n".join(lines[-30:])
