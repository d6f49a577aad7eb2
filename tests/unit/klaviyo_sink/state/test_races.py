"""Several processes write one shopper's profile at once: a late one repeats its work, and nothing is lost."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy
from remembered_by import remembered_by

from klaviyo_sink.profile.style import unique_id
from klaviyo_sink.profile.wording import DEFAULT_WORDING, Wording
from klaviyo_sink.state.settling import FAILED, Duty, Write, may_land_later
from klaviyo_sink.state.store import FOLD_ATTEMPTS, OvertakenError, open_state

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def state(url):
    state = open_state(url)
    yield state
    state.close()


def test_folding_blocks_no_other_writer_and_sees_its_rows(state, url, outfit):
    theirs = [outfit("u2", "material/silk")]

    class Meddled(Wording):
        def properties(self, profile, version):
            if theirs:
                state.fold([theirs.pop()])
            return DEFAULT_WORDING.properties(profile, version)

    mine = open_state(url, Meddled())
    [folded] = mine.fold([outfit("u1")])
    mine.close()
    assert (folded.version, len(remembered_by(state).uploads)) == (2, 2)


def test_a_shopper_forgotten_while_a_batch_is_folded_gets_no_row(state, url, outfit, forget_shopper):
    gone = ["s1"]

    class Forgetting(Wording):
        def properties(self, profile, version):
            if gone:
                forget_shopper(url, gone.pop())
            return DEFAULT_WORDING.properties(profile, version)

    mine = open_state(url, Forgetting())
    assert mine.fold([outfit("u1")]) == [None]
    mine.close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        assert raw.execute("SELECT count(*) FROM style_profiles").fetchone() == (0,)
    raw.close()


def ended(event, folded, version):
    """Say that the write that began with `folded` ended with Klaviyo having a version."""
    events = {unique_id(event): event.upload_id} if version else {}
    return Write(event.shopper_id, folded.ticket, version, events, unsure=may_land_later(folded.dirty))


def test_the_older_of_two_writes_corrects_if_it_ends_last(state, outfit):
    cotton, silk = outfit("u1"), outfit("u2", "material/silk")
    [mine], [theirs] = state.fold([cotton]), state.fold([silk])
    assert state.settle([ended(silk, theirs, 2)], at=AT)["s1"].duty is Duty.LEFT
    late = state.settle([ended(cotton, mine, 1)], at=AT)["s1"]
    assert (late.duty, late.newest.version) == (Duty.MEND, 2)
    assert late.unsure, "nobody knows of a third write that began before"
    assert not state.fold([cotton])[0].known, "or a crash now would lose the duty to mend"
    assert state.fold([silk])[0].ticket, "whoever comes meanwhile must not take the row for clean"


def test_the_older_of_two_writes_also_corrects_because_the_newer_may_never_end(state, outfit):
    cotton, silk = outfit("u1"), outfit("u2", "material/silk")
    [mine], [theirs] = state.fold([cotton]), state.fold([silk])
    assert state.settle([ended(cotton, mine, 1)], at=AT)["s1"].duty is Duty.MEND
    assert state.settle([ended(silk, theirs, 2)], at=AT)["s1"].duty is Duty.LEFT
    assert state.fold([cotton])[0].alone


@pytest.mark.parametrize("version", [2, None])
def test_while_an_older_write_may_land_each_write_is_unsure(state, outfit, version):
    cotton, silk, dress = outfit("u1"), outfit("u2", "material/silk"), outfit("u3", "category/dress")
    state.fold([cotton])
    [second] = state.fold([silk])
    left = state.settle([ended(silk, second, version)], at=AT)["s1"]
    assert left.duty is Duty.LEFT
    [third] = state.fold([dress])
    assert third.dirty == left.dirty
    assert may_land_later(third.dirty), "the first write is still on its way"


def test_after_a_failed_write_the_row_stays_dirty_for_the_next_writer(state, outfit):
    cotton = outfit("u1")
    [mine] = state.fold([cotton])
    assert state.settle([ended(cotton, mine, None)], at=AT)["s1"].dirty == FAILED
    [again] = state.fold([cotton])
    assert (again.known, again.alone) == (False, True)
    assert state.settle([ended(cotton, again, 1)], at=AT)["s1"].duty is Duty.NONE
    [settled] = state.fold([cotton])
    assert (settled.ticket, settled.alone) == (0, False)


def interrupt_stores(state, times):
    """Let another writer store the row between our reading and our storing it, so many times."""
    left = iter(range(times))

    @sqlalchemy.event.listens_for(state._engine, "before_cursor_execute")
    def meddle(_connection, cursor, statement, *_rest: object):
        if statement.startswith("UPDATE style_profiles") and next(left, None) is not None:
            cursor.execute("UPDATE style_profiles SET row_version = row_version + 1")


def test_a_row_stored_since_it_was_read_is_read_again(state, outfit):
    state.fold([outfit("u1")])
    interrupt_stores(state, times=2)
    state.fold([outfit("u2", "material/silk")])
    assert [one.upload_id for one in remembered_by(state).uploads] == ["u1", "u2"]


def test_a_writer_that_always_meets_a_newer_row_stops_and_changes_nothing(state, outfit):
    state.fold([outfit("u1")])
    interrupt_stores(state, times=1 + FOLD_ATTEMPTS)
    with pytest.raises(OvertakenError):
        state.fold([outfit("u2", "material/silk")])
    assert [one.upload_id for one in remembered_by(state).uploads] == ["u1"]


def test_two_processes_folding_the_same_shopper_lose_nothing(url, outfit):
    states = [open_state(url), open_state(url)]

    def fold_ten(number):
        for i in range(10):
            states[number].fold([outfit(f"u{number}-{i}")])

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(fold_ten, range(2)))
    assert len(remembered_by(states[0]).uploads) == 20
    for state in states:
        state.close()
