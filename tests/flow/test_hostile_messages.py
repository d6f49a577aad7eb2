"""No content of a topic controls the terminal of an operator, with any command that shows it."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from schemas.codec import encode
from schemas.events import DeadLetter, Identity, Photo, PhotoUploaded
from schemas.topics import topics
from streams.cli.main import app
from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import follow
from streams.runtime.dead_letters import letter_headers
from streams.wiring.kafka import make_emitter

NAMES = topics()
#: A title for the window, a cleared screen (by ESC and by C1's one character), text turned around.
STEERING = "\x1b]0;taken\x07\x1b[2J\x9b2J\u202eevil"
HOSTILE = STEERING.encode()


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with EmbeddedBroker({topic.name: 1 for topic in NAMES.all()}) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers)
        asyncio.run(fill(settings))
        yield settings


async def fill(settings: Settings) -> None:
    """Publish bytes that are no event, an event of a hostile producer, and a dead letter that no stage wrote."""
    emitter = make_emitter(settings)
    planted: list[tuple[str, bytes | None]] = [(STEERING, HOSTILE)]
    facts = {"exception_class": STEERING, "message": STEERING, "reason": STEERING, "attempts": 1}
    letter = DeadLetter(topic=NAMES.uploads.name, partition=0, offset=0, stage=STEERING, **facts)
    uploaded = PhotoUploaded(
        upload_id="u1",
        shopper_id="\u202es",
        uploaded_at=datetime(2026, 11, 22, tzinfo=UTC),
        photo=Photo(uri=f"file:///{STEERING}"),
        identity=Identity(external_id="s"),
    )
    value, headers = encode(uploaded, source=STEERING)
    for topic, body, noted in (
        (NAMES.uploads.name, HOSTILE, planted),
        (NAMES.uploads.name, value, [*headers, *planted]),
        (f"{NAMES.uploads.name}.dlq", HOSTILE, letter_headers(planted, letter)),
        (f"{NAMES.uploads.name}.dlq", value, letter_headers([*headers, *planted], letter)),
    ):
        assert await emitter.send(topic, key=HOSTILE, value=body, headers=noted) is None
    await emitter.aclose()


@pytest.mark.parametrize("as_json", [False, True], ids=["for people", "JSON"])
@pytest.mark.parametrize(
    "command",
    [
        "dlq list",
        f"dlq show {NAMES.uploads.name}.dlq:0:0",
        "tail uploads --since 1h --no-follow --values",
        "tail uploads.dlq --since 1h --no-follow --values",
        "trace u1",
    ],
)
def test_no_command_prints_control_characters_of_a_message(settings, tmp_path, command, as_json):
    environment = {
        "HANGTAG_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HANGTAG_STATE_URL": f"sqlite:///{tmp_path}/none.db",
        "COLUMNS": "400",
    }
    told = CliRunner().invoke(app, [*command.split(), *(["--json"] if as_json else [])], env=environment)
    assert told.exit_code == 0, told.output
    assert "taken" in told.output
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(told.output)
    if as_json:
        assert STEERING in "".join(map(str, values_in([json.loads(line) for line in told.stdout.splitlines()])))


def values_in(found: object) -> Iterator[object]:
    if isinstance(found, dict | list):
        for one in found.values() if isinstance(found, dict) else found:
            yield from values_in(one)
    else:
        yield found


def test_a_replay_writes_to_no_topic_that_a_header_names(settings, tmp_path):
    stolen = DeadLetter(
        topic="payments.orders",
        partition=0,
        offset=0,
        stage="recognize",
        exception_class="x",
        message="m",
        reason="stolen",
        attempts=1,
    )

    async def send() -> None:
        emitter = make_emitter(settings)
        # The embedded broker creates a topic when a client writes to it.
        assert await emitter.send("payments.orders", key=b"k", value=b"order", headers=[]) is None
        dlq = f"{NAMES.uploads.name}.dlq"
        assert await emitter.send(dlq, key=b"k", value=b"not an order", headers=letter_headers([], stolen)) is None
        await emitter.aclose()

    asyncio.run(send())
    environment = {
        "HANGTAG_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HANGTAG_STATE_URL": f"sqlite:///{tmp_path}/none.db",
    }
    told = CliRunner().invoke(app, ["dlq", "replay", "--reason", "stolen"], env=environment)
    assert told.exit_code == 0, told.output
    assert "0 letters replayed" in told.output
    assert "1 letters cannot be replayed" in told.output
    assert [seen.value for seen in follow(settings, ["payments.orders"])] == [b"order"]
