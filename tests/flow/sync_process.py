"""What the sync stage is fed with in these tests, and its processes."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from outfits import outfit

from schemas.codec import encode
from schemas.events import Identity, OutfitTagged
from streams.config.settings import Settings, child_environment
from streams.kafka.reader import follow
from streams.wiring.kafka import make_emitter, make_topics

HANGTAG = [sys.executable, "-m", "streams"]


def tagged(upload_id: str, identity: Identity) -> OutfitTagged:
    now = datetime.now(UTC)
    whose = {"shopper_id": f"shopper of {upload_id}", "identity": identity}
    return outfit(upload_id, "material/cotton", uploaded_at=now, tagged_at=now, **whose)


async def publish(settings: Settings, events: Sequence[OutfitTagged], *poison: bytes) -> None:
    emitter, topic = make_emitter(settings), make_topics(settings).tags.name
    for event in events:
        value, headers = encode(event, source="test")
        assert await emitter.send(topic, key=event.shopper_id.encode(), value=value, headers=headers) is None
    for value in poison:
        assert await emitter.send(topic, key=b"k", value=value, headers=[]) is None
    await emitter.aclose()


@contextmanager
def running(log: Path, *command: str, **changed: object) -> Iterator[subprocess.Popen[str]]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*HANGTAG, *command], stdout=subprocess.PIPE, stderr=file, env=child_environment(**changed), text=True
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(40)
        process.stdout.close()


def read(settings: Settings, topic: str) -> list[bytes | None]:
    return [seen.value for seen in follow(settings, [topic])]
