"""Uploads in, texts out: what the tests of this folder say to a stage process, and hear from it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import Headers, decode, encode
from schemas.events import Identity, Photo, PhotoUploaded, TextRecognized
from streams.config.settings import Settings, child_environment
from streams.kafka.reader import follow
from streams.runtime.supervisor import Child, keep_running
from streams.wiring.kafka import make_emitter, make_topics

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Upload:
    """One upload to publish. `number` orders the uploads of a shopper."""

    number: int
    shopper: str
    behaviour: str | None = None

    @property
    def id(self) -> str:
        return f"{self.shopper}-{self.number}"


def uploads(count: int, *, shoppers: int = 20, behaviour: dict[int, str] | None = None) -> list[Upload]:
    """Make uploads of the shoppers in turn."""
    return [Upload(number, f"s{number % shoppers}", (behaviour or {}).get(number)) for number in range(count)]


def encoded(upload: Upload, uri: str = "file:///photo.jpg") -> tuple[bytes, Headers]:
    """Write an upload's event as producers do."""
    event = PhotoUploaded(
        upload_id=upload.id,
        shopper_id=upload.shopper,
        uploaded_at=datetime.now(UTC),
        photo=Photo(uri=uri),
        identity=Identity(external_id=upload.shopper),
        locale=upload.behaviour,
    )
    return encode(event, source="test")


async def publish(
    settings: Settings, these: Iterable[Upload], *, per_s: float | None = None, uri: str = "file:///photo.jpg"
) -> None:
    """Publish uploads in order, at a pace or as fast as it goes."""
    emitter, topic = make_emitter(settings), make_topics(settings).uploads
    sends = []
    began = time.monotonic()
    for at, upload in enumerate(these):
        if per_s is not None and (ahead := at / per_s - (time.monotonic() - began)) > 0:
            await asyncio.sleep(ahead)
        value, headers = encoded(upload, uri)
        sends.append(
            asyncio.create_task(emitter.send(topic.name, key=upload.shopper.encode(), value=value, headers=headers))
        )
        if at % 100 == 0:
            await asyncio.sleep(0)
    assert set(await asyncio.gather(*sends)) <= {None}
    await emitter.aclose()


class Heard(dict[str, list[TextRecognized]]):
    """Received texts by upload id, in the order of their partition."""

    @property
    def duplicates(self) -> int:
        return sum(len(times) - 1 for times in self.values())


def hear(settings: Settings, enough: Callable[[Heard], bool], *, limit_s: float = 60) -> Heard:
    """Read the texts topic until it is enough, or fail."""
    heard = Heard()
    deadline = time.monotonic() + limit_s
    for seen in follow(
        settings, [make_topics(settings).texts.name], forever=True, going=lambda: time.monotonic() < deadline
    ):
        text = decode(TextRecognized, seen.value)
        heard.setdefault(text.upload_id, []).append(text)
        if enough(heard):
            return heard
    raise AssertionError(f"heard {len(heard)} uploads in {limit_s} s, and that is not enough")


def hear_all(settings: Settings) -> Heard:
    """Read the texts topic as it is now."""
    heard = Heard()
    for seen in follow(settings, [make_topics(settings).texts.name]):
        text = decode(TextRecognized, seen.value)
        heard.setdefault(text.upload_id, []).append(text)
    return heard


def committed(settings: Settings) -> dict[int, tuple[int, int]]:
    """Tell (committed, end) of each partition of uploads for the recognize group; -1001 is no commit."""
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": f"{settings.group_prefix}.recognize"}
    )
    topic = make_topics(settings).uploads.name
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    places = consumer.committed([TopicPartition(topic, number) for number in partitions], timeout=10)
    found = {place.partition: (place.offset, consumer.get_watermark_offsets(place)[1]) for place in places}
    consumer.close()
    return found


class StageProcess:
    """A stage process: ours, or a plain Faust agent when HANGTAG_TEST_STAGE=plain."""

    def __init__(self, settings: Settings, folder: Path, *, mean_ms: float = 0, **changed: object) -> None:
        plain = os.environ.get("HANGTAG_TEST_STAGE") == "plain"  # noqa: TID251 - a switch of the tests
        script = HERE / ("plain_agent.py" if plain else "stage_process.py")
        self.log = folder / f"stage-{time.monotonic_ns()}.log"
        environment = child_environment(**settings.model_dump(exclude_unset=True) | changed)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, script, folder, str(mean_ms)],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, *, limit_s: float = 40) -> int:
        """End it in order; answers the exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(limit_s)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def said(self, words: str) -> bool:
        return words in self.log.read_text(errors="replace")

    def await_said(self, words: str, *, limit_s: float = 60) -> None:
        deadline = time.monotonic() + limit_s
        while not self.said(words):
            assert time.monotonic() < deadline, f"never said {words!r}:\n{self.log.read_text(errors='replace')[-3000:]}"
            time.sleep(0.1)


@asynccontextmanager
async def supervised(settings: Settings, folder: Path, *, mean_ms: float = 0, **changed: object) -> AsyncIterator[Path]:
    """Run a stage process under the supervisor, as in production; returns its log."""
    log, stopping = folder / "supervised.log", asyncio.Event()
    environment = child_environment(**settings.model_dump(exclude_unset=True) | changed)
    child = Child(
        "stage", [sys.executable, str(HERE / "stage_process.py"), str(folder), str(mean_ms)], environment, log=log
    )
    keeping = asyncio.create_task(keep_running([child], stopping, grace_s=20))
    try:
        while not log.exists() or "assigned " not in log.read_text(errors="replace"):
            assert not keeping.done()
            await asyncio.sleep(0.1)
        yield log
    finally:
        stopping.set()
        await keeping


@contextmanager
def stage(settings: Settings, folder: Path, *, mean_ms: float = 0, **changed: object) -> Iterator[StageProcess]:
    """Run a stage process, and leave none behind."""
    running = StageProcess(settings, folder, mean_ms=mean_ms, **changed)
    try:
        yield running
    finally:
        running.kill()
