"""What the sync stage is fed with in these tests, and its processes."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from schemas.codec import encode
from schemas.events import Engine, Identity, Labels, OutfitTagged, Tag
from streams.follow import follow
from streams.settings import Settings, child_environment
from streams.wiring import make_emitter, make_topics

HANGTAG = [sys.executable, "-m", "streams"]


def tagged(upload_id: str, identity: Identity) -> OutfitTagged:
    now = datetime.now(UTC)
    tag = Tag(
        id="material/cotton",
        category="material",
        value="cotton",
        labels=Labels(en="Cotton", zh="棉"),
        score=0.9,
        evidence=(),
    )
    return OutfitTagged(
        upload_id=upload_id,
        shopper_id=f"shopper of {upload_id}",
        uploaded_at=now,
        tagged_at=now,
        identity=identity,
        tags=(tag,),
        lexicon_version="lex",
        engine=Engine(name="rapid", model="m", revision="r"),
    )


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
