"""What stages know of who was forgotten, and how a forgotten shopper's event ends."""

import socket
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from recognized import recognized
from sqlalchemy import text
from structlog.testing import capture_logs

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.ledgers import digest
from schemas.outcomes import Later, Never
from streams.erasure.guard import REFRESH_S, ForgottenShoppers, drop_forgotten

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/state/state.db"


def forget_now(url: str, *shoppers: str, at: datetime = NOW) -> None:
    engine = open_database(url)
    for shopper in shoppers:
        forget(engine, shopper, at=at)
    engine.dispose()


async def test_a_shopper_is_known_as_forgotten_at_the_latest_after_a_few_seconds(url, tmp_path):
    clock = Clock()
    known = ForgottenShoppers(url, clock=clock)
    assert not await known.includes("s1")
    # Asking makes no database.
    assert not (tmp_path / "state").exists()
    forget_now(url, "s1")
    clock.seconds += REFRESH_S
    assert await known.includes("s1")
    # An entry by a clock that is behind is found, too.
    forget_now(url, "s2", at=NOW - timedelta(minutes=30))
    assert not await known.includes("s2")
    clock.seconds += REFRESH_S
    assert [await known.includes(one) for one in ("s1", "s2", "s3")] == [True, True, False]
    assert [known.knows_key(key) for key in (b"s1", b"s3", None)] == [True, False, False]
    known.close()


async def test_a_database_that_no_process_has_set_up_yet_is_no_trouble(url, tmp_path):
    (tmp_path / "state").mkdir()
    sqlite3.connect(tmp_path / "state/state.db").execute("CREATE TABLE others (id)").connection.close()
    clock = Clock()
    known = ForgottenShoppers(url, clock=clock)
    with capture_logs() as logs:
        assert not await known.includes("s1")
    assert [(one["log_level"], one["event"][:20]) for one in logs] == [("info", "no erasure ledger he")]
    forget_now(url, "s1")
    clock.seconds += REFRESH_S
    assert await known.includes("s1")
    known.close()


async def test_an_entry_by_a_clock_that_is_ahead_hides_none_that_follow(url):
    clock = Clock()
    forget_now(url, "s1", at=datetime.now(UTC) + timedelta(days=3))
    known = ForgottenShoppers(url, clock=clock)
    assert await known.includes("s1")
    forget_now(url, "s2", at=datetime.now(UTC))
    clock.seconds += REFRESH_S
    assert await known.includes("s2")
    known.close()


async def test_a_clock_a_month_behind_hides_no_entry_and_a_removed_entry_no_longer_counts(url):
    clock = Clock()
    forget_now(url, "s1")
    known = ForgottenShoppers(url, clock=clock)
    assert await known.includes("s1")
    forget_now(url, "s2", at=NOW - timedelta(days=30))
    clock.seconds += REFRESH_S
    assert await known.includes("s2")
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM forgotten_shoppers WHERE shopper_digest = :one"), {"one": digest("s1")})
    engine.dispose()
    clock.seconds += REFRESH_S
    assert [await known.includes(one) for one in ("s1", "s2")] == [False, True]
    known.close()


async def test_while_the_database_cannot_be_read_the_last_known_entries_count(url, tmp_path):
    clock = Clock()
    forget_now(url, "s1")
    known = ForgottenShoppers(url, clock=clock)
    assert await known.includes("s1")
    known.close()
    for path in (tmp_path / "state").iterdir():
        path.write_bytes(b"no database any more" * 1000)
    clock.seconds += REFRESH_S
    assert await known.includes("s1")
    assert not await known.includes("s2")
    known.close()


async def test_a_database_that_says_nothing_holds_events_up_once_and_briefly():
    """One thread waits for it, and events use the last known entries: this process knows of no forgotten shopper."""
    pytest.importorskip("psycopg", reason="the driver of a database on the network")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        known = ForgottenShoppers(f"postgresql+psycopg://u:p@127.0.0.1:{silent.getsockname()[1]}/x")
        threads = threading.active_count()
        began = time.monotonic()
        assert [await known.includes(one) for one in ("s1", "s2", "s3")] == [False, False, False]
        # Each waited for ever; the first takes two seconds now.
        assert time.monotonic() - began < 20
        assert threading.active_count() <= threads + 1


async def test_a_writer_that_holds_the_database_does_not_hold_a_reader(url):
    forget_now(url, "s1")
    engine, known = open_database(url), ForgottenShoppers(url)
    with engine.begin():
        assert await known.includes("s1")
    known.close()
    engine.dispose()


async def test_a_damaged_entry_stops_no_event(url):
    forget_now(url, "s1")
    engine, known = open_database(url), ForgottenShoppers(url, clock=Clock())
    with engine.begin() as connection:
        connection.execute(text("UPDATE forgotten_shoppers SET forgotten_at = 'never'"))
    engine.dispose()
    assert [await known.includes(one) for one in ("s1", "s2")] == [False, False]
    known.close()


async def test_a_folder_that_may_not_be_entered_stops_no_event(url, monkeypatch):
    def refused(_path: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", refused)
    assert not await ForgottenShoppers(url).includes("s1")


@pytest.mark.parametrize("answer", [(), Later("busy", "later"), Never("bug", "a dead letter would keep the shopper")])
async def test_a_shopper_forgotten_while_their_event_is_worked_on_leaves_no_answer(answer):
    gone = False

    async def handle(_event: object):
        nonlocal gone
        gone = True
        return (recognized("u1"), recognized("u2", shopper_id="other")) if answer == () else answer

    async def is_forgotten(shopper_id: str) -> bool:
        return gone and shopper_id == "shopper"

    guarded = drop_forgotten(handle, is_forgotten)
    found = await guarded(recognized("u1"))
    if isinstance(answer, Later):
        # Tried again, and ended then before it begins.
        assert found == answer
        assert await guarded(recognized("u1")) == ()
    else:
        assert [one.shopper_id for one in found] == (["other"] if answer == () else [])
