"""The projector and a second one beside it: neither writes over what the other wrote."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from outfits import outfit
from pydantic import SecretStr
from sqlalchemy import Engine
from structlog.testing import capture_logs

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.uploads import Indexed, MovedError, foreign_positions, read_positions, write
from schemas.codec import encode
from streams.config.settings import Settings
from streams.index import projector as module
from streams.index.projector import Projector
from streams.kafka.reader import Seen
from streams.wiring.clock import now

Positions = dict[tuple[str, int], int]


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/state.db")
    yield engine
    engine.dispose()


def tagged(offset: int) -> Seen:
    event = outfit(f"u{offset}")
    value, headers = encode(event, source="test")
    return Seen("outfit.tags", 0, offset, time.time(), event.shopper_id.encode(), value, headers)


def test_rows_that_another_projector_wrote_right_after_are_not_treated_as_ours(engine, monkeypatch):
    write = module.write

    def another_writes_next(
        *arguments: Any, cluster: str, before: Positions, after: Positions, known: Iterable[Indexed]
    ) -> Positions:
        mine = write(*arguments, cluster=cluster, before=before, after=after, known=known)
        write(engine, [], [], cluster=cluster, before=mine, after=mine | {("outfit.tags", 0): 50})
        return mine

    one = Projector(Settings(), now=now)
    one._continue_from(read_positions(engine, "c"))
    one._take(tagged(0))
    monkeypatch.setattr(module, "write", another_writes_next)
    one._store(engine, "c")
    monkeypatch.setattr(module, "write", write)
    one._take(tagged(1))
    with pytest.raises(MovedError):
        one._store(engine, "c")
    assert read_positions(engine, "c")["outfit.tags", 0] == 50


def test_a_further_message_of_an_upload_leaves_the_indexes_of_the_database_as_they_are(engine, monkeypatch):
    known: list[str] = []

    def watched(*arguments: Any, **options: Any) -> Positions:
        known.extend(row.upload_id for row in options["known"])
        return write(*arguments, **options)

    monkeypatch.setattr(module, "write", watched)
    one = Projector(Settings(), now=now)
    one._continue_from(read_positions(engine, "c"))
    for offset in (0, 1, 0):
        one._take(tagged(offset))
        one._store(engine, "c")
    assert known == ["u0"]


def test_it_looks_for_old_rows_once_a_minute_from_the_first_second_of_a_machine(engine, monkeypatch):
    searched = []
    monkeypatch.setattr(module, "prune_old", lambda *_: searched.append(1))
    one = Projector(Settings(), now=now, monotonic=lambda: 0.0)
    one._prune(engine)
    one._prune(engine)
    assert len(searched) == 1


def follow_nothing(*_arguments: Any, **_options: Any) -> Iterator[Seen]:
    return iter(())


def projector(engine: Engine, monkeypatch: pytest.MonkeyPatch, on_sleep: Callable[[], None]) -> Projector:
    """A projector of the cluster `here`, whose database has an index of the cluster `there`."""
    write(engine, [], [], cluster="there", before={}, after={("t", 0): 5})
    monkeypatch.setattr(module, "cluster_of", lambda _settings: "here")
    monkeypatch.setattr(module, "follow", follow_nothing)
    settings = Settings(state_url=SecretStr(str(engine.url)))
    return Projector(settings, now=now, sleep=lambda _seconds: on_sleep())


def test_an_index_of_another_cluster_is_cleared_once_it_is_abandoned(engine, monkeypatch):
    waits: list[None] = []
    projector(engine, monkeypatch, lambda: waits.append(None)).run(lambda: True, to_end=True)
    assert not foreign_positions(engine, "here")
    assert len(waits) == 120, "a minute, in steps of half a second"


def test_an_index_that_another_cluster_still_writes_is_left_alone_and_reported(engine, monkeypatch):
    steps = iter(range(300))

    def the_other_writes() -> None:
        before = read_positions(engine, "there")
        write(engine, [], [], cluster="there", before=before, after={("t", 0): 6 + next(steps)})

    with capture_logs() as lines:
        projector(engine, monkeypatch, the_other_writes).run(lambda: next(steps) < 299, to_end=True)
    assert foreign_positions(engine, "here")
    assert {line["log_level"] for line in lines} == {"error"}
    assert "HANGTAG_STATE_URL" in lines[0]["event"]


def test_an_index_without_new_messages_is_written_now_and_then_so_that_it_does_not_look_abandoned(engine, monkeypatch):
    monkeypatch.setattr(module, "cluster_of", lambda _settings: "here")
    seconds = iter(range(0, 10_000, 30))
    before = foreign_positions(engine, "there")
    meanwhile = []

    def silent(*_arguments: Any, going: Callable[[], bool], **_options: Any) -> Iterator[Seen]:
        assert going()
        meanwhile.append(foreign_positions(engine, "there"))
        return iter(())

    monkeypatch.setattr(module, "follow", silent)
    settings = Settings(state_url=SecretStr(str(engine.url)))
    Projector(settings, now=now, monotonic=lambda: next(seconds)).run(lambda: True, to_end=True)
    assert meanwhile
    assert meanwhile != [before]
