"""The projector and a second one beside it: neither writes over what the other wrote."""

import time
from typing import Any

import pytest
from outfits import outfit

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.uploads import MovedError, read_positions
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

    def another_writes_next(*arguments: Any, cluster: str, before: Positions, after: Positions) -> Positions:
        mine = write(*arguments, cluster=cluster, before=before, after=after)
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


def test_it_looks_for_old_rows_once_a_minute_from_the_first_second_of_a_machine(engine, monkeypatch):
    searched = []
    monkeypatch.setattr(module.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(module, "prune_old", lambda *_: searched.append(1))
    one = Projector(Settings(), now=now)
    one._prune(engine)
    one._prune(engine)
    assert len(searched) == 1
