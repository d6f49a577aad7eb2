"""Of all gateways with one idempotency key one publishes, and a try that ended badly leaves the turn to the next."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.keyed import begin, end

AT = datetime(2026, 11, 22, tzinfo=UTC)
PATIENCE = timedelta(seconds=40)


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/state.db")
    yield engine
    engine.dispose()


def turn(engine, *, at=AT, sha256="a"):
    found = begin(engine, upload_id="u1", shopper_id="s1", sha256=sha256, at=at, patience=PATIENCE)
    return found.turn, found.sha256, found.tried_at


def test_one_of_many_has_the_turn(engine):
    with ThreadPoolExecutor(8) as threads:
        turns = [one for one, _, _ in threads.map(lambda _: turn(engine), range(8))]
    assert sorted(turns) == ["first", *["under way"] * 7]


def test_what_was_published_stays_so(engine):
    assert turn(engine) == ("first", "a", AT)
    end(engine, "u1", published=True, at=AT, patience=PATIENCE)
    assert turn(engine, at=AT + timedelta(days=3), sha256="b") == ("published", "a", AT)


def test_the_next_has_the_turn_once_a_try_has_ended_or_taken_too_long(engine):
    turn(engine)
    assert turn(engine, at=AT + PATIENCE / 2)[0] == "under way"
    assert turn(engine, at=AT + PATIENCE) == ("again", "a", AT)
    assert turn(engine, at=AT + PATIENCE)[0] == "under way"
    end(engine, "u1", published=False, at=AT + PATIENCE, patience=PATIENCE)
    assert turn(engine, at=AT + PATIENCE)[0] == "again"


def test_another_photo_never_has_the_turn(engine):
    turn(engine)
    assert turn(engine, at=AT + 2 * PATIENCE, sha256="b") == ("under way", "a", AT)


def test_nothing_is_noted_of_a_forgotten_shopper(engine):
    turn(engine)
    forget(engine, "s1", at=AT)
    assert turn(engine)[0] == "forgotten"
