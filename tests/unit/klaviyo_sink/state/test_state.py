"""The database remembers, forgets, and is opened by several at once."""

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from remembered_by import remembered_by

from klaviyo_sink.profile.style import MEMORY, StyleProfile, contribution, fold, unique_id
from klaviyo_sink.state.database import BUSY_S, StateUnavailableError, open_database
from klaviyo_sink.state.folding import UNREADABLE
from klaviyo_sink.state.forgetting import Dropped, forget, known_of
from klaviyo_sink.state.settling import Write
from klaviyo_sink.state.store import open_state
from schemas.events import Identity

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def state(url):
    state = open_state(url)
    yield state
    state.close()


def write(state, event):
    """Fold an event, and settle its write as one that Klaviyo took."""
    [folded] = state.fold([event])
    events = {unique_id(event): event.upload_id}
    return state.settle([Write(event.shopper_id, folded.ticket, folded.version, events)], at=AT)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(url, schema_drift):
    assert schema_drift(url) == []


def test_many_threads_may_open_a_new_database_at_once(url):
    together = threading.Barrier(6)

    def open_and_close(_):
        together.wait()
        open_state(url).close()

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(open_and_close, range(6))) == [None] * 6


def test_many_processes_may_open_a_new_database_at_once(url):
    wait_then_open = (
        "import sys; from klaviyo_sink.state.store import open_state; sys.stdin.read(); open_state(sys.argv[1])"
    )
    command = [sys.executable, "-c", wait_then_open, url]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for one in started:
        one.stdin.close()
    said = [one.stderr.read() for one in started]
    assert [one.wait() for one in started] == [0] * 4, said
    for one in started:
        one.stderr.close()


def test_a_relative_path_gets_private_folders_and_a_private_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_state("sqlite:///.hangtag/deep/state.db").close()
    modes = {
        path: stat.S_IMODE((tmp_path / path).stat().st_mode)
        for path in (".hangtag", ".hangtag/deep", ".hangtag/deep/state.db")
    }
    assert modes == {".hangtag": 0o700, ".hangtag/deep": 0o700, ".hangtag/deep/state.db": 0o600}


def test_a_database_that_cannot_be_opened_has_a_reason(tmp_path):
    (tmp_path / "photo.db").write_bytes(b"\xff\xd8\xff" * 2000)
    for url, says in (
        (f"sqlite:///{tmp_path}/photo.db", "not a database"),
        (f"sqlite:///{tmp_path}/photo.db/state.db", r"Not a directory: .*photo\.db"),
        ("not a url", "as sqlite:///"),
        ("oracle+nothing://me:s3cret@host/db", "must be SQLite or PostgreSQL, not oracle"),
        ("postgresql+pg8000://me:s3cret@host/db", r"driver is not installed \(pg8000\)"),
        ("postgresql+none://me:s3cret@host/db", "as sqlite:///"),
    ):
        with pytest.raises(StateUnavailableError, match=says) as unavailable:
            open_state(url)
        assert "s3cret" not in str(unavailable.value)
        assert "\n" not in str(unavailable.value)


def test_a_database_of_a_newer_version_is_left_alone(url):
    open_state(url).close()
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE hangtag_sink_version SET version_num = '9999'")
    newer.close()
    with pytest.raises(StateUnavailableError, match=r"newer version.*9999"):
        open_state(url)


def test_the_version_counts_the_changes_of_the_profile(state, outfit):
    versions = [
        state.fold([event])[0].version
        for event in (outfit("u1"), outfit("u1"), outfit("u2", "material/silk"), outfit("u0", "pattern/floral"))
    ]
    assert versions == [1, 1, 2, 2]


def test_the_ledger_knows_an_event_only_after_its_write(state, outfit):
    event = outfit()
    assert [one.known for one in state.fold([event, event])] == [False, False]
    write(state, event)
    [folded] = state.fold([event])
    assert (folded.known, folded.written_version) == (True, 1)


def rename_events(url):
    """Make the ledger that of a version which named events otherwise."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("UPDATE written_events SET unique_id = 'old ' || rowid")
    raw.close()


@pytest.mark.parametrize("more", [0, MEMORY])
def test_an_upload_written_under_an_older_name_is_known(state, url, outfit, more):
    """Also when `more` uploads have pushed it out of the style profile since."""
    event, later = outfit("u1"), outfit().uploaded_at + timedelta(days=1)
    write(state, event)
    state.fold([outfit(f"more-{i}", uploaded_at=later) for i in range(more)])
    rename_events(url)
    others = [outfit("u2"), outfit("u1", shopper_id="s2")]
    assert [one.known for one in state.fold([event, *others])] == [True, False, False]


def test_an_uploads_event_has_one_name_for_every_name_of_the_shopper(state, outfit):
    by_email = outfit("u1", identity=Identity(email="ada@shop.cn"))
    first, second = state.fold([outfit("u1"), by_email])
    assert first.unique_id == second.unique_id
    write(state, outfit("u1"))
    [again] = state.fold([by_email])
    assert again.known


@pytest.mark.parametrize("damaged", [b"", b"[[", b"{}", b"null", b'{"uploads": 3}', b'[["\xff\xfe"]]'])
def test_a_damaged_row_affects_only_its_own_shopper_and_stays(state, url, outfit, damaged):
    state.fold([outfit("u1"), outfit("u1", shopper_id="s2")])
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("UPDATE style_profiles SET profile = CAST(? AS TEXT) WHERE shopper_id = 's1'", (damaged,))
    raw.close()
    mine, *others = state.fold([outfit("u2"), outfit("u2", shopper_id="s2"), outfit("u2", shopper_id="s3")])
    assert mine is UNREADABLE
    assert len(others) == 2
    assert [len(remembered_by(state, one).uploads) for one in ("s2", "s3")] == [2, 1]
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        of_mine = "SELECT CAST(profile AS BLOB) FROM style_profiles WHERE shopper_id = 's1'"
        assert raw.execute(of_mine).fetchone() == (damaged,)
    raw.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE style_profiles SET profile = replace(profile, 'Z\"', '\"')",
        "UPDATE style_profiles SET profile = CAST(profile AS BLOB)",
        "UPDATE style_profiles SET version = 'x'",
        "UPDATE style_profiles SET row_version = 'x'",
    ],
)
def test_a_row_with_a_value_of_another_kind_or_times_without_a_zone_is_damaged(state, url, outfit, damage):
    state.fold([outfit("u1")])
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute(damage)
    raw.close()
    mine, other = state.fold([outfit("u2"), outfit("u2", shopper_id="s2")])
    assert mine is UNREADABLE
    assert other.version == len(remembered_by(state, "s2").uploads) == 1


def test_forgetting_does_not_wait_for_readers(state, url):
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM style_profiles").fetchall()
        begun = time.monotonic()
        forget(state._engine, "s1", at=AT)
        assert time.monotonic() - begun < BUSY_S / 2
    # And the connection waits for writers again.
    with state._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == BUSY_S * 1000


def test_rows_that_forget_would_delete_are_counted_while_another_process_writes(state, url, outfit):
    for upload in (outfit("u1"), outfit("u2"), outfit("u3", shopper_id="s2")):
        write(state, upload)
    writing, counting = open_database(url), open_database(url)
    with counting.connect() as connection:
        # A connection that must wait for the writer fails at once.
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    with writing.begin():
        assert known_of(counting, "s1") == Dropped(1, 2, None)
    assert forget(writing, "s1", at=AT) == Dropped(1, 2, AT)
    assert known_of(counting, "s1") == Dropped(0, 0, AT)
    for engine in (writing, counting):
        engine.dispose()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(order=st.permutations(range(6)), repeats=st.lists(st.integers(0, 5), max_size=4))
def test_redelivery_in_any_order_stores_the_plain_fold(tmp_path_factory, outfit, order, repeats):
    tags = ("material/cotton", "material/silk", "style/v-neck", "category/dress", "interest/vacation", "style/slim")
    events = [outfit(f"u{i}", tag) for i, tag in enumerate(tags)]
    state = open_state(f"sqlite:///{tmp_path_factory.mktemp('fold')}/state.db")
    try:
        state.fold([events[i] for i in [*order, *repeats]])
        assert remembered_by(state) == fold(StyleProfile(), map(contribution, events))
    finally:
        state.close()


def test_a_forgotten_shopper_leaves_nothing_but_a_digest(state, url, outfit, forget_shopper):
    event = outfit(shopper_id="shopper-7")
    write(state, event)
    forget_shopper(url, "shopper-7")
    forget_shopper(url, "shopper-7")
    assert state.fold([event, outfit(shopper_id="someone else")])[0] is None
    assert state.settle([Write("shopper-7", 1, 1, {unique_id(event): "u1"})], at=AT) == {"shopper-7": None}
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        assert "shopper-7" not in "\n".join(raw.iterdump())
    raw.close()
