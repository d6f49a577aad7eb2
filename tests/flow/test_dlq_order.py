"""Dead letters are listed from the newest on, and replayed from the oldest on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from schemas.events import DeadLetter
from schemas.topics import topics
from streams.cli.main import app
from streams.config.settings import Settings
from streams.kafka import backwards, places, reader
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import follow
from streams.runtime.dead_letters import letter_headers

NAMES = topics()
PARTITIONS = 3
SMALL, LARGE = 300, 3000


@dataclass
class World:
    """An embedded Kafka with dead letters. Every tenth was of another reason."""

    settings: Settings
    read: list[int]
    environment: dict[str, str] = field(default_factory=dict)

    def put(self, count: int, *, first: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.settings.bootstrap_servers, "partitioner": "murmur2_random"})
        for number in range(first, first + count):
            letter = DeadLetter(
                topic=NAMES.uploads.name,
                partition=0,
                offset=number,
                stage="recognize",
                exception_class="x",
                message="m",
                reason="rare" if number % 10 == 0 else "bug",
                attempts=1,
            )
            key = None if number % 7 == 0 else f"s{number % 50}"
            headers = letter_headers([("ce_id", f"u{number}".encode())], letter)
            producer.produce(NAMES.uploads_dlq.name, b"%d" % number, key, headers=headers, timestamp=10**12 + number)
        assert producer.flush(60) == 0

    def run(self, *words: str) -> str:
        said = CliRunner().invoke(app, ["dlq", *words], env=self.environment)
        assert said.exit_code == 0, said.output
        return said.stdout

    def listed(self, *words: str) -> list[int]:
        """Return the numbers of the letters that `dlq list` shows, in its order."""
        told = [json.loads(line) for line in self.run("list", "--json", *words).splitlines()]
        return [one["offset"] for one in told]

    def replayed(self) -> list[int]:
        return [int(seen.value) for seen in follow(self.settings, [NAMES.uploads.name])]


@contextmanager
def world(folder, read: list[int]) -> Iterator[World]:
    with EmbeddedBroker({topic.name: PARTITIONS for topic in NAMES.all()}) as broker:
        state = f"sqlite:///{folder}/state.db"
        environment = {"HANGTAG_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "HANGTAG_STATE_URL": state}
        yield World(Settings(bootstrap_servers=broker.bootstrap_servers, state_url=state), read, environment)


@pytest.fixture
def read(monkeypatch) -> list[int]:
    """The offset of every message that is read."""
    offsets: list[int] = []
    for module in (reader, places, backwards):

        def counted(message, read_foreign, take=module.seen_of):
            offsets.append(message.offset())
            return take(message, read_foreign)

        monkeypatch.setattr(module, "seen_of", counted)
    return offsets


@pytest.fixture
def made(tmp_path, read) -> Iterator[World]:
    with world(tmp_path, read) as made:
        yield made


def test_with_a_limit_the_list_reads_as_much_of_few_letters_as_of_many(tmp_path, read):
    costs = []
    for count in (SMALL, LARGE):
        with world(tmp_path, read) as made:
            made.put(count)
            read.clear()
            made.run("list", "--limit", "20")
            costs.append(len(read))
    assert costs[1] <= costs[0] <= PARTITIONS * 32


def test_the_newest_letters_come_first_and_are_those_that_the_whole_topic_holds(made):
    made.put(SMALL)
    assert made.listed() == list(range(SMALL))[::-1]
    assert made.listed("--limit", "5") == [299, 298, 297, 296, 295]
    assert made.listed("--limit", "2", "--reason", "rare") == [290, 280]
    assert "10 letters (older ones were not read): 9 bug, 1 rare" in made.run("list", "--limit", "10")
    assert "300 letters: 270 bug, 30 rare" in made.run("list")


def test_replays_with_a_limit_take_every_letter_once_from_the_oldest_on(made):
    made.put(100)
    for newest in (40, 80, 100):
        made.run("replay", "--limit", "40")
        assert sorted(made.replayed()) == list(range(newest))
    assert made.listed() == []
    assert sorted(made.listed("--replayed")) == list(range(100))
    assert "no dead letters" in made.run("list", "--limit", "5")


def test_letters_that_fail_again_keep_no_other_letter_from_its_replay(made):
    made.put(4)
    for again in range(4):
        made.run("replay", "--limit", "1")
        # The stage makes a new letter of each.
        made.put(1, first=100 + again)
    assert sorted(made.replayed()) == [0, 1, 2, 3]


def test_a_replay_publishes_a_shoppers_letters_in_their_order(made):
    made.put(LARGE)
    made.run("replay", "--limit", "100")
    seen = [(message.key, int(message.value)) for message in follow(made.settings, [NAMES.uploads.name])]
    assert len(seen) == 100
    for key in {key for key, _ in seen if key is not None}:
        own = [number for other, number in seen if other == key]
        assert own == sorted(own)


def test_letters_before_the_time_asked_for_are_not_shown(made):
    made.put(50)
    assert made.listed("--since", "2001-09-09T01:46:40.045Z") == [49, 48, 47, 46, 45]
