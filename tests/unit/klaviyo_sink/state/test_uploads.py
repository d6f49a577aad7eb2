"""The index of uploads in the database: one writer at a time, no forgotten shopper, nothing older than the topics."""

from datetime import UTC, datetime, timedelta

import pytest

from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.uploads import (
    WRITES,
    Claim,
    Indexed,
    MovedError,
    claimants,
    clear,
    clear_foreign,
    find,
    foreign_positions,
    of_shopper,
    of_upload,
    prune,
    read_positions,
    write,
)

AT = datetime(2026, 11, 22, tzinfo=UTC)
HERE = {"cluster": "c"}


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/state.db")
    yield engine
    engine.dispose()


def row(upload_id="u1", shopper_id="s1", *, at=AT, ended=None, facts="{}"):
    return Indexed(upload_id, shopper_id, at, at, "uploaded", ended, facts)


def test_rows_and_positions_change_together(engine):
    write(engine, [row()], [], before={}, after={("t", 0): 5}, **HERE)
    before = read_positions(engine, "c")
    assert before == {("t", 0): 5, WRITES: 1}
    write(engine, [row(facts='{"a": 1}')], [], before=before, after={("t", 0): 6, ("t", 1): 2}, **HERE)
    assert read_positions(engine, "c") == {("t", 0): 6, ("t", 1): 2, WRITES: 2}
    # Offsets of one Kafka mean nothing in another.
    assert read_positions(engine, "other") == {}
    with reading(engine) as connection:
        assert find(connection, {("u1", "s1"), ("u2", "s1")}) == {("u1", "s1"): row(facts='{"a": 1}')}


@pytest.mark.parametrize("after", [{("t", 0): 7}, {("t", 1): 1}, {("new", 0): 1}])
def test_of_two_writers_the_slower_changes_nothing(engine, after):
    write(engine, [], [], before={}, after={("t", 0): 5}, **HERE)
    before = read_positions(engine, "c")
    write(engine, [row()], [], before=before, after={("t", 0): 6}, **HERE)
    with pytest.raises(MovedError):
        write(engine, [row(facts="late")], [], before=before, after=before | after, **HERE)
    with pytest.raises(MovedError):
        write(engine, [row(facts="first")], [], before={}, after=after, **HERE)
    with reading(engine) as connection:
        assert of_upload(connection, "u1") == [row()]


def test_one_upload_id_may_be_of_two_shoppers_and_the_first_comes_first(engine):
    copied = row(shopper_id="a-thief", at=AT + timedelta(seconds=1))
    write(engine, [copied, row()], [], before={}, after={}, **HERE)
    with reading(engine) as connection:
        assert of_upload(connection, "u1") == [row(), copied]
        assert of_shopper(connection, "a-thief") == [copied]
        assert of_shopper(connection, "s1", since=AT + timedelta(seconds=1)) == []


def test_nothing_of_a_forgotten_shopper_is_stored(engine):
    claim = Claim("d" * 64, "s1", AT)
    write(engine, [row()], [claim], before={}, after={}, **HERE)
    forget(engine, "s1", at=AT)
    with reading(engine) as connection:
        assert of_upload(connection, "u1") == []
        assert claimants(connection, {claim.digest}) == {}
    mine = Claim(claim.digest, "s2", AT)
    write(engine, [row(), row("u2", "s2")], [claim, mine], before=read_positions(engine, "c"), after={}, **HERE)
    with reading(engine) as connection:
        assert of_upload(connection, "u1") == []
        assert of_upload(connection, "u2") == [row("u2", "s2")]
        assert claimants(connection, {claim.digest, "other"}) == {claim.digest: {"s2"}}


def test_entries_are_dropped_with_their_topics_and_dead_letters_stay_longer(engine):
    day = timedelta(days=1)
    rows = [
        row("new", at=AT),
        row("old", at=AT - 9 * day),
        row("older", at=AT - 9 * day, ended="synced"),
        row("dead", at=AT - 9 * day, ended="dead_letter"),
        row("long dead", at=AT - 16 * day, ended="dead_letter"),
    ]
    changed = Indexed("retagged", "s1", AT - 9 * day, AT, "synced", "synced", "{}")
    old, new = Claim("a", "s1", AT - 9 * day), Claim("b", "s1", AT)
    write(engine, [*rows, changed], [old, new], before={}, after={}, **HERE)
    limits = {"before": AT - 8 * day, "dead_before": AT - 15 * day}
    assert prune(engine, **limits, most=1) == 2
    with reading(engine) as connection:
        assert "long dead" not in {one.upload_id for one in of_shopper(connection, "s1")}, "the oldest goes first"
    assert prune(engine, **limits, most=2) == 2
    assert prune(engine, **limits, most=2) == 0
    with reading(engine) as connection:
        assert {one.upload_id for one in of_shopper(connection, "s1")} == {"new", "dead", "retagged"}
        assert claimants(connection, {"a", "b"}) == {"b": {"s1"}}


def test_a_claim_keeps_the_time_of_its_newest_event_whichever_is_read_last(engine):
    new, old = Claim("d", "s1", AT), Claim("d", "s1", AT - timedelta(days=9))
    for claim in (old, new, old):
        write(engine, [], [claim], before=read_positions(engine, "c"), after={}, **HERE)
    limit = AT - timedelta(days=8)
    assert prune(engine, before=limit, dead_before=limit, most=5) == 0
    with reading(engine) as connection:
        assert claimants(connection, {"d"}) == {"d": {"s1"}}


def test_cleared_it_is_read_from_the_beginning(engine):
    write(engine, [row()], [], before={}, after={("t", 0): 5}, **HERE)
    clear(engine)
    assert read_positions(engine, "c") == {}
    with reading(engine) as connection:
        assert of_upload(connection, "u1") == []


def test_an_index_of_another_kafka_cluster_is_cleared_and_one_of_this_cluster_is_kept(engine):
    claim = Claim("d" * 64, "s1", AT)
    write(engine, [row()], [claim], before={}, after={("t", 0): 5}, **HERE)
    assert not foreign_positions(engine, "c")
    assert not clear_foreign(engine, "c", foreign_positions(engine, "c"))
    assert read_positions(engine, "c") == {("t", 0): 5, WRITES: 1}
    seen = foreign_positions(engine, "other")
    write(engine, [], [], before=read_positions(engine, "c"), after={("t", 0): 6}, **HERE)
    assert not clear_foreign(engine, "other", seen), "its writer is alive"
    assert clear_foreign(engine, "other", foreign_positions(engine, "other"))
    assert not foreign_positions(engine, "other")
    with reading(engine) as connection:
        assert of_upload(connection, "u1") == []
        assert claimants(connection, {claim.digest}) == {}
    write(engine, [row("u2")], [], cluster="other", before={}, after={("t", 0): 2})
    assert read_positions(engine, "other") == {("t", 0): 2, WRITES: 1}
