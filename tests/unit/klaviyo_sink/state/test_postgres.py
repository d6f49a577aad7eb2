"""The state database on PostgreSQL: the same promises as on SQLite, with writers that really run side by side."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from postgres_server import MISSING, running
from remembered_by import remembered_by
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError

from klaviyo_sink.dry_run import open_rehearsal
from klaviyo_sink.limits import grant
from klaviyo_sink.profile.style import StyleProfile, contribution, fold, unique_id
from klaviyo_sink.profile.wording import DEFAULT_WORDING
from klaviyo_sink.state.database import StateUnavailableError, open_database, open_for_reading
from klaviyo_sink.state.forgetting import forget, rewrite_tables
from klaviyo_sink.state.keyed import begin
from klaviyo_sink.state.ledgers import digest, forgotten_since
from klaviyo_sink.state.pruning import prune_written
from klaviyo_sink.state.settling import Write
from klaviyo_sink.state.store import StateDatabase, open_state
from klaviyo_sink.state.tables import (
    claims,
    forgotten_shoppers,
    keyed_uploads,
    style_profiles,
    uploads,
    written_events,
)
from klaviyo_sink.state.uploads import (
    Claim,
    Indexed,
    MovedError,
    claimants,
    clear,
    find,
    of_upload,
    prune,
    read_positions,
    write,
)

if MISSING:
    # A real server is started, which only a machine with Debian's package can; SQLite is tried everywhere.
    pytest.skip(MISSING, allow_module_level=True)

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as server:
        yield server.url


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(url, schema_drift):
    assert schema_drift(url) == []


def test_a_silent_server_is_reported_in_one_line_without_its_password():
    with pytest.raises(StateUnavailableError, match="refused") as unavailable:
        open_state("postgresql+psycopg://me:s3cret@127.0.0.1:1/db")
    assert "\n" not in str(unavailable.value)
    assert "s3cret" not in str(unavailable.value)


def test_a_read_only_connection_reads_the_erasure_ledger_and_cannot_write(url):
    forget(writing := open_database(url), "s-forgotten", at=AT)
    looking = open_for_reading(url)
    # A writer's open transaction does not delay a reader.
    with writing.begin() as theirs, looking.connect() as connection:
        theirs.execute(text("LOCK TABLE forgotten_shoppers IN EXCLUSIVE MODE"))
        assert digest("s-forgotten") in forgotten_since(connection, None, now=AT)[0]
        with pytest.raises(DBAPIError, match="read-only"):
            connection.execute(text("DELETE FROM style_profiles"))
    looking.dispose()
    writing.dispose()


def test_tables_that_somebody_holds_or_that_are_large_are_left_with_advice(url, monkeypatch):
    engine = open_database(url)
    monkeypatch.setattr("klaviyo_sink.state.forgetting.LOCK_S", 0.1)
    with engine.begin() as theirs:
        theirs.execute(text("LOCK TABLE style_profiles IN ACCESS SHARE MODE"))
        assert "VACUUM FULL" in rewrite_tables(engine)
    monkeypatch.setattr("klaviyo_sink.state.forgetting.LARGEST_REWRITTEN", 0)
    assert "more than 0 bytes" in rewrite_tables(engine)
    engine.dispose()


def test_many_writers_of_the_same_shoppers_lose_nothing(url, outfit):
    states = [open_state(url) for _ in range(4)]
    uploads = [outfit(f"u{i}", f"material/m{i % 9}", shopper_id=f"s{i % 5}") for i in range(120)]

    def write(number):
        for start in range(number, 120, 20):
            mine = uploads[start : start + 20 : 4]
            folded = states[number].fold(mine)
            settle = {
                event.shopper_id: Write(event.shopper_id, one.ticket, one.version)
                for event, one in zip(mine, folded, strict=True)
            }
            states[number].settle(list(settle.values()), at=AT)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    for event in uploads:
        theirs = [contribution(other) for other in uploads if other.shopper_id == event.shopper_id]
        assert remembered_by(states[0], event.shopper_id) == fold(StyleProfile(), theirs)
    for state in states:
        state.close()


def test_a_redelivery_is_known_and_the_forgotten_are_dropped(url, outfit, forget_shopper):
    state = open_state(url)
    event = outfit("again", shopper_id="known")
    [first] = state.fold([event])
    for _ in range(2):
        state.settle([Write("known", first.ticket, first.version, {unique_id(event): "again"})], at=AT)
    assert [(one.known, one.written_version) for one in state.fold([event])] == [(True, 1)]
    forget_shopper(url, "known")
    assert state.fold([event]) == [None]
    assert state.settle([Write("known", 1, 1)], at=AT) == {"known": None}
    state.close()


def fold_first(engine, shopper, outfit):
    StateDatabase(engine, DEFAULT_WORDING).fold([outfit("u1", shopper_id=shopper)])


def publish_with_a_key(engine, shopper, _outfit):
    begin(engine, upload_id=shopper, shopper_id=shopper, sha256="a", at=AT, patience=timedelta(1))


def index_first(engine, shopper, _outfit):
    row, claim = Indexed(shopper, shopper, AT, AT, "uploaded", None, "{}"), Claim("d", shopper, AT)
    write(engine, [row], [claim], cluster="c", before={}, after={("t", 0): 5})


@pytest.mark.parametrize("add", [fold_first, publish_with_a_key, index_first])
def test_a_shopper_forgotten_while_their_first_row_is_added_leaves_no_row(url, outfit, add):
    adding, forgetting, watching = open_database(url), open_database(url), open_database(url)
    clear(adding)
    shopper = f"raced-{add.__name__}"
    eraser = threading.Thread(target=forget, args=(forgetting, shopper), kwargs={"at": AT})
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

    def begin_to_forget(_connection):
        eraser.start()
        with watching.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Until it has ended, or waits for the transaction that is about to be committed.
            while eraser.is_alive() and not connection.execute(waiting).scalar_one():
                time.sleep(0.01)

    listen(adding, "commit", begin_to_forget, once=True)
    add(adding, shopper, outfit)
    eraser.join()
    with watching.connect() as connection:
        for table in (style_profiles, uploads, claims, keyed_uploads):
            assert connection.execute(select(func.count()).where(table.c.shopper_id == shopper)).scalar_one() == 0
    clear(adding)
    for engine in (adding, forgetting, watching):
        engine.dispose()


def test_processes_never_spend_more_together_than_one_may(url):
    states = [open_state(url) for _ in range(4)]

    def spend(number):
        ask = lambda spent: grant(spent, "POST /api/events", 7, 1_795_348_800.0)  # noqa: E731 - one line, used here
        return sum(states[number].spend("POST /api/events", ask).slots for _ in range(20))

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(spend, range(4))) == 322
    for state in states:
        state.close()


def test_a_dry_run_reads_the_database_and_writes_nothing_to_it(url, outfit):
    state = open_state(url)
    written = outfit("dry-1", "material/silk", shopper_id="dry")
    [first] = state.fold([written])
    state.settle([Write("dry", first.ticket, first.version, {unique_id(written): "dry-1"})], at=AT)
    rehearsal = open_rehearsal(url, DEFAULT_WORDING, ledger=True)
    again, new = rehearsal.fold([written, outfit("dry-2", "material/cotton", shopper_id="dry")])
    assert (again.known, new.known, len(remembered_by(rehearsal, "dry").uploads)) == (True, False, 2)
    rehearsal.close()
    [untouched] = state.fold([written])
    assert (untouched.version, len(remembered_by(state, "dry").uploads)) == (first.version, 1)
    state.close()


def test_the_index_of_uploads_has_one_writer_at_a_time_and_no_forgotten_shopper(url):
    engine = open_database(url)
    row = Indexed("u1", "s1", AT, AT, "uploaded", None, "{}")
    claim = Claim("d", "s1", AT)
    write(engine, [row], [claim], cluster="c", before={}, after={("t", 0): 5})
    before = read_positions(engine, "c")
    with ThreadPoolExecutor(4) as threads:

        def try_it(offset: int) -> bool:
            try:
                write(engine, [row], [claim], cluster="c", before=before, after={("t", 0): 6 + offset})
            except MovedError:
                return False
            return True

        assert sorted(threads.map(try_it, range(4))) == [False, False, False, True]
    with engine.connect() as connection:
        assert find(connection, {("u1", "s1"), ("u2", "s1")}) == {("u1", "s1"): row}
        assert claimants(connection, {"d"}) == {"d": {"s1"}}
    forget(engine, "s1", at=AT)
    write(engine, [row], [claim], cluster="c", before=read_positions(engine, "c"), after={("t", 0): 99})
    with engine.connect() as connection:
        assert of_upload(connection, "u1") == []
        assert claimants(connection, {"d"}) == {}
    other = Indexed("u2", "s2", AT, AT, "uploaded", None, "{}")
    write(engine, [other], [], cluster="c", before=read_positions(engine, "c"), after={})
    assert prune(engine, before=AT + timedelta(1), dead_before=AT, most=10) == 1
    clear(engine)
    engine.dispose()


def test_any_number_of_uploads_is_found_and_deleted_by_key(url):
    engine = open_database(url)
    rows = [Indexed(f"u{number}", f"found-{number}", AT, AT, "uploaded", None, "{}") for number in range(5000)]
    write(engine, rows, [], cluster="c", before=read_positions(engine, "c"), after={})
    keys = [(row.upload_id, row.shopper_id) for row in rows]
    with engine.connect() as connection:
        assert find(connection, [*keys, ("u1", "found-2")]) == dict(zip(keys, rows, strict=True))
    limits = {"before": AT + timedelta(1), "dead_before": AT}
    assert prune(engine, **limits, most=4000) == 4000
    assert prune(engine, **limits, most=4000) == 1000
    clear(engine)
    engine.dispose()


def test_old_entries_of_the_ledger_are_dropped_and_those_that_another_is_dropping_are_left_to_it(url):
    engine = open_database(url)
    ids = [f"pruned-{number}" for number in range(4)]
    rows = [{"unique_id": one, "shopper_id": one, "upload_id": one, "written_at": AT - timedelta(90)} for one in ids]
    new = rows[0] | {"unique_id": "kept", "shopper_id": "kept", "written_at": AT}
    with engine.begin() as connection:
        connection.execute(insert(written_events), [*rows, new])
    with engine.begin() as theirs:
        theirs.execute(delete(written_events).where(written_events.c.shopper_id == ids[0]))
        # Neither waits for the other.
        assert prune_written(engine, before=AT - timedelta(30), most=2) == 2
    assert prune_written(engine, before=AT - timedelta(30), most=2) == 1
    assert prune_written(engine, before=AT - timedelta(30), most=2) == 0
    with engine.connect() as connection:
        left = connection.execute(select(written_events.c.unique_id)).scalars().all()
        assert "kept" in left
        assert not set(left) & set(ids)
        # The erasure ledger has entries of other tests, all of them older than this.
        assert connection.execute(select(func.count()).select_from(forgotten_shoppers)).scalar_one() > 0
    engine.dispose()
