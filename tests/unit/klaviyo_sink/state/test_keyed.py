"""Of all gateways with one idempotency key one publishes, and a try that ended badly leaves the turn to the next."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.keyed import begin, end, prune_keyed
from klaviyo_sink.state.tables import keyed_uploads

AT = datetime(2026, 11, 22, tzinfo=UTC)
PATIENCE = timedelta(seconds=40)


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/state.db")
    yield engine
    engine.dispose()


def attempt(engine, *, at=AT, sha256="a"):
    return begin(engine, upload_id="u1", shopper_id="s1", sha256=sha256, at=at, patience=PATIENCE)


def turn(engine, **more: Any):
    found = attempt(engine, **more)
    return found.turn, found.sha256, found.tried_at


def test_one_of_many_has_the_turn(engine):
    with ThreadPoolExecutor(8) as threads:
        turns = [one for one, _, _ in threads.map(lambda _: turn(engine), range(8))]
    assert sorted(turns) == ["first", *["under way"] * 7]


def test_a_published_key_stays_published(engine):
    first = attempt(engine)
    assert (first.turn, first.began) == ("first", AT)
    end(engine, "u1", first, published=True, patience=PATIENCE)
    assert turn(engine, at=AT + timedelta(days=3), sha256="b") == ("published", "a", AT)


def test_the_next_try_begins_once_the_last_has_ended_or_taken_too_long(engine):
    turn(engine)
    assert turn(engine, at=AT + PATIENCE / 2)[0] == "under way"
    again = attempt(engine, at=AT + PATIENCE)
    assert (again.turn, again.tried_at, again.began) == ("again", AT, AT + PATIENCE)
    assert turn(engine, at=AT + PATIENCE)[0] == "under way"


def test_a_try_that_fails_late_does_not_end_the_next_try(engine):
    first = attempt(engine)
    second = attempt(engine, at=AT + PATIENCE)
    end(engine, "u1", first, published=False, patience=PATIENCE)
    assert turn(engine, at=AT + PATIENCE)[0] == "under way"
    end(engine, "u1", second, published=False, patience=PATIENCE)
    assert turn(engine, at=AT + PATIENCE)[0] == "again"


def test_a_try_that_publishes_late_is_recorded_also_after_a_next_try(engine):
    first = attempt(engine)
    second = attempt(engine, at=AT + PATIENCE)
    end(engine, "u1", first, published=True, patience=PATIENCE)
    end(engine, "u1", second, published=False, patience=PATIENCE)
    assert turn(engine, at=AT + 3 * PATIENCE)[0] == "published"


def test_a_caller_without_the_turn_ends_no_try(engine):
    turn(engine)
    waiting = attempt(engine)
    assert (waiting.turn, waiting.began) == ("under way", None)
    end(engine, "u1", waiting, published=False, patience=PATIENCE)
    assert turn(engine)[0] == "under way"


def test_another_photo_never_has_the_turn(engine):
    turn(engine)
    assert turn(engine, at=AT + 2 * PATIENCE, sha256="b") == ("under way", "a", AT)


def test_no_key_of_a_forgotten_shopper_is_recorded(engine):
    turn(engine)
    forget(engine, "s1", at=AT)
    assert turn(engine)[0] == "forgotten"


def test_old_keys_are_deleted_the_oldest_first_and_a_bounded_number_at_once(engine):
    for days in (9, 1, 12, 10):
        begin(engine, upload_id=f"u{days}", shopper_id="s1", sha256="a", at=AT - timedelta(days), patience=PATIENCE)

    def left():
        with reading(engine) as connection:
            return set(connection.execute(select(keyed_uploads.c.upload_id)).scalars())

    assert prune_keyed(engine, before=AT - timedelta(8), most=2) == 2
    assert left() == {"u1", "u9"}
    assert prune_keyed(engine, before=AT - timedelta(8), most=2) == 1
    assert left() == {"u1"}
