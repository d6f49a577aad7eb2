"""The ledger of written events is pruned by age, in bounded batches; the erasure ledger never is."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from klaviyo_sink.profile.style import unique_id
from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.ledgers import forgotten
from klaviyo_sink.state.pruning import prune_written
from klaviyo_sink.state.settling import Write
from klaviyo_sink.state.store import open_state
from klaviyo_sink.state.tables import written_events

AT = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def engine(url):
    engine = open_database(url)
    yield engine
    engine.dispose()


def entry(name, at):
    return {"unique_id": name, "shopper_id": "s1", "upload_id": name, "written_at": at}


def test_the_oldest_entries_go_first_and_never_more_than_the_limit(engine):
    ages = {"new": 0, "a day old": 1, "old": 40, "older": 50, "oldest": 60}
    with engine.begin() as connection:
        connection.execute(insert(written_events), [entry(name, AT - days * DAY) for name, days in ages.items()])

    def left():
        with reading(engine) as connection:
            return set(connection.execute(select(written_events.c.unique_id)).scalars())

    assert prune_written(engine, before=AT - 36 * DAY, most=2) == 2
    assert left() == {"new", "a day old", "old"}
    assert prune_written(engine, before=AT - 36 * DAY, most=2) == 1
    assert prune_written(engine, before=AT - 36 * DAY, most=2) == 0
    assert left() == {"new", "a day old"}


def test_pruning_costs_as_much_as_it_drops_and_not_as_much_as_it_keeps(engine, url):
    rows = [entry(f"u{number}", AT) for number in range(20_000)]
    with engine.begin() as connection:
        connection.execute(insert(written_events), [*rows, *(entry(f"old{one}", AT - 40 * DAY) for one in range(5))])
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    raw = engine.raw_connection()
    # SQLite calls it every hundred instructions of its virtual machine.
    raw.driver_connection.set_progress_handler(count, 100)
    raw.close()
    assert prune_written(engine, before=AT - 36 * DAY) == 5
    # A scan of the ledger would be a thousand calls and more.
    assert steps < 100


def test_a_forgotten_shopper_is_forgotten_however_long_ago(engine):
    forget(engine, "anna", at=AT - 4000 * DAY)
    assert prune_written(engine, before=AT) == 0
    with reading(engine) as connection:
        assert forgotten(connection, {"anna", "bob"}) == {"anna"}


def test_an_event_that_comes_again_after_its_entry_was_dropped_keeps_its_name_and_sets_the_profile(engine, url, outfit):
    state, event = open_state(url), outfit()
    [folded] = state.fold([event])
    write = Write(event.shopper_id, folded.ticket, folded.version, {unique_id(event): event.upload_id})
    state.settle([write], at=AT)
    assert prune_written(engine, before=AT + DAY) == 1
    [again] = state.fold([event])
    assert (again.known, again.alone, again.unique_id, again.version) == (False, True, folded.unique_id, folded.version)
    state.close()


def test_the_file_contains_no_dropped_entry(engine, url):
    with engine.begin() as connection:
        connection.execute(insert(written_events), [entry("a-name-to-look-for", AT - 40 * DAY)])
    prune_written(engine, before=AT)
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    assert b"a-name-to-look-for" not in Path(path).read_bytes()
