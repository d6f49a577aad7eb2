"""The index of uploads: what commands find by it is what they find in the topics, and it costs the same at any size."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from growing import BAD_PHOTO, DEAD, NAMES, NO_TAGS, grow, shopper_of, upload_of
from pydantic import SecretStr
from sqlalchemy import select, update

from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.tables import index_positions, uploads
from klaviyo_sink.state.uploads import clear, of_shopper, of_upload
from streams.config.settings import Settings
from streams.erasure.claims import Claims, add_indexed, add_others, add_own, topics_with_claims
from streams.index.entry import of_row
from streams.index.lookup import UploadIndex, open_index
from streams.index.projector import Projector
from streams.kafka import places, reader
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.kafka.reader import follow
from streams.operations.dead_letters import oldest_open, replay, whole
from streams.operations.preview import newest_tagged
from streams.operations.retag import Kept
from streams.operations.trace import trace_upload
from streams.wiring.clock import now
from streams.wiring.kafka import make_emitter

SHOPPERS = 50
#: Uploads at each of two sizes, the second ten times the first.
SMALL, LARGE = 200, 2000


@dataclass
class World:
    """An embedded Kafka and a state database."""

    settings: Settings

    @property
    def url(self) -> str:
        return self.settings.state_url.get_secret_value()

    def project(self) -> None:
        Projector(self.settings, now=now).run(lambda: True, to_end=True)

    @contextmanager
    def index(self) -> Iterator[UploadIndex]:
        index = open_index(self.settings)
        assert index is not None
        with index:
            yield index


@contextmanager
def world(folder, partitions: int) -> Iterator[World]:
    with EmbeddedBroker({topic.name: partitions for topic in NAMES.all()}) as broker:
        yield World(Settings(bootstrap_servers=broker.bootstrap_servers, state_url=f"sqlite:///{folder}/state.db"))


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Iterator[World]:
    """A world of few uploads, all of them indexed."""
    with world(tmp_path_factory.mktemp("grown"), 4) as made:
        grow(made.settings.bootstrap_servers, SMALL, shoppers=SHOPPERS)
        made.project()
        yield made


@pytest.fixture
def read(monkeypatch) -> list[int]:
    """The bytes of every message that is read."""
    sizes: list[int] = []
    for module in (reader, places):

        def counted(message, read_foreign, take=module.seen_of):
            sizes.append(len(message.value() or b""))
            return take(message, read_foreign)

        monkeypatch.setattr(module, "seen_of", counted)
    return sizes


@pytest.mark.parametrize("kind", [BAD_PHOTO, NO_TAGS, DEAD, 3])
def test_a_trace_by_the_index_is_the_trace_of_the_topics(grown, kind):
    upload_id = upload_of(100 + kind)
    with grown.index() as index:
        assert trace_upload(grown.settings, upload_id, index=index) == trace_upload(grown.settings, upload_id)
        tagged = newest_tagged(grown.settings, upload_id, index=index)
    assert tagged == newest_tagged(grown.settings, upload_id)
    assert (tagged is not None) == (kind == 3)


def test_the_lookup_of_an_unknown_upload_reads_no_messages(grown, read):
    with grown.index() as index:
        assert trace_upload(grown.settings, "no-such-upload", index=index).steps == ()
    assert read == []


def test_messages_of_several_topics_are_read_without_a_wait_for_each_topic(grown):
    names = [NAMES.uploads, NAMES.texts, NAMES.tags, NAMES.profiles, NAMES.feedback, NAMES.uploads_dlq]
    began = time.monotonic()
    found = places.read_places(grown.settings, [(topic.name, 0, 0) for topic in names])
    assert {seen.topic for seen in found} == {topic.name for topic in names}
    # librdkafka alone waits a second for each of the five topics after the first.
    assert time.monotonic() - began < 3


def test_messages_after_the_end_of_the_index_are_found_too(tmp_path):
    with world(tmp_path, 4) as made:
        grow(made.settings.bootstrap_servers, 40, shoppers=7)
        made.project()
        grow(made.settings.bootstrap_servers, 40, shoppers=7, first=40)
        asyncio.run(_replay(made.settings))
        with made.index() as index:
            assert sum(index.behind().values()) > 40
            for number in (3, 2, 45, 42):
                found = trace_upload(made.settings, upload_of(number), index=index)
                assert found.steps, number
                assert found == trace_upload(made.settings, upload_of(number)), number


async def _replay(settings: Settings) -> None:
    emitter = make_emitter(settings)
    assert await replay(whole(settings, oldest_open(settings)[0]), emitter) is None
    await emitter.aclose()


def test_the_cost_of_every_look_up_is_the_same_at_ten_times_the_uploads(tmp_path, read):
    def cost(uploads: int) -> dict[str, tuple[int, int]]:
        # As many uploads of each shopper at both sizes.
        shoppers = uploads // 8
        with world(tmp_path / str(uploads), 12) as made:
            grow(made.settings.bootstrap_servers, uploads, shoppers=shoppers)
            made.project()
            with made.index() as index:
                upload_id, shopper_id = upload_of(uploads // 2 + 3), shopper_of(uploads // 2 + 3, shoppers)
                costs = {}
                for name, look in {
                    "trace": lambda: trace_upload(made.settings, upload_id, index=index).steps,
                    "preview": lambda: newest_tagged(made.settings, upload_id, index=index),
                    "forget": lambda: _claims(made.settings, index, shopper_id).photos,
                    "retag": lambda: list(Kept(made.settings, shopper=shopper_id, index=index).texts(None)),
                }.items():
                    read.clear()
                    assert look(), name
                    costs[name] = (len(read), sum(read))
                return costs

    small, large = cost(SMALL), cost(LARGE)
    assert small == large
    assert max(messages for messages, _ in large.values()) <= 16


def _claims(settings: Settings, index: UploadIndex, shopper_id: str) -> Claims:
    claims = Claims()
    add_own(claims, index.messages_of_shopper(topics_with_claims(settings), shopper_id), settings, shopper_id)
    add_indexed(claims, index, shopper_id)
    return claims


def test_the_index_and_the_topics_find_the_same_claimants_of_a_name(grown):
    shopper_id = shopper_of(3, SHOPPERS)
    names = topics_with_claims(grown.settings)
    by_topics = Claims()
    add_own(by_topics, follow(grown.settings, names), grown.settings, shopper_id)
    add_others(by_topics, follow(grown.settings, names), grown.settings, shopper_id)
    with grown.index() as index:
        assert _claims(grown.settings, index, shopper_id) == by_topics
    assert by_topics.names


def test_a_forgotten_shopper_leaves_the_index_and_does_not_come_back(tmp_path):
    with world(tmp_path, 2) as made:
        grow(made.settings.bootstrap_servers, 60, shoppers=3)
        made.project()
        engine = open_database(made.url)
        gone = shopper_of(3, 3)
        forget(engine, gone, at=now())
        grow(made.settings.bootstrap_servers, 60, shoppers=3, first=60)
        made.project()
        with reading(engine) as connection:
            assert of_shopper(connection, gone) == []
            assert len(of_shopper(connection, shopper_of(4, 3))) == 40
        clear(engine)
        made.project()
        with reading(engine) as connection:
            assert of_shopper(connection, gone) == []
        engine.dispose()


def test_rebuilt_it_says_the_same(grown, tmp_path):
    again = World(grown.settings.model_copy(update={"state_url": SecretStr(f"sqlite:///{tmp_path}/again.db")}))
    again.project()
    for number in range(0, SMALL, 37):
        found = []
        for one in (grown, again):
            engine = open_database(one.url)
            with reading(engine) as connection:
                [row] = of_upload(connection, upload_of(number))
            found.append(of_row(row))
            engine.dispose()
        assert found[0].status == found[1].status
        assert sorted(found[0].places) == sorted(found[1].places)


def test_an_index_of_another_kafka_cluster_is_rebuilt(tmp_path):
    with world(tmp_path, 2) as made:
        grow(made.settings.bootstrap_servers, 20, shoppers=7)
        made.project()
        engine = open_database(made.url)
        with engine.begin() as connection:
            indexed = set(connection.execute(select(uploads.c.upload_id)).scalars())
            connection.execute(update(index_positions).values(cluster="another", next_offset=7))
            connection.execute(update(uploads).values(upload_id=uploads.c.upload_id + "-there"))
        slept: list[float] = []
        Projector(made.settings, now=now, sleep=slept.append).run(lambda: len(slept) < 1000, to_end=True)
        assert sum(slept) == 60, "another projector has a minute to show that it writes this index"
        with reading(engine) as connection:
            assert set(connection.execute(select(uploads.c.upload_id)).scalars()) == indexed
        engine.dispose()
        with made.index() as index:
            assert sum(index.behind().values()) == 0


def test_without_the_setting_there_is_no_index(grown):
    assert open_index(grown.settings.model_copy(update={"index_uploads": False})) is None
