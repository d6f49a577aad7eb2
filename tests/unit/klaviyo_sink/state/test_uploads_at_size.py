"""What the index of uploads costs per message does not depend on how many uploads it holds."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.uploads import Claim, Indexed, find, prune, read_positions, write

AT = datetime(2026, 11, 22, tzinfo=UTC)
OLD = AT - timedelta(days=20)
#: Uploads in a small index and in a large one.
SMALL, LARGE = 1_000, 10_000
#: Uploads that are looked up, changed or deleted at once.
SOME = 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def row(number: int, *, at: datetime = AT, facts: str = "{}") -> Indexed:
    # The shoppers of uploads that arrive together are in no order.
    return Indexed(f"u{number:06}", f"s{number * 7919 % 1009:04}", at, at, "uploaded", None, facts)


def fill(engine: Engine, numbers: range) -> None:
    write(engine, map(row, numbers), [], cluster="c", before=read_positions(engine, "c"), after={})


def chosen(uploads: int) -> list[Indexed]:
    return [row(number) for number in range(0, uploads, uploads // SOME)]


def steps(engine: Engine, do: Callable[[], object]) -> int:
    """Count the instructions that SQLite's virtual machine executes, in tens."""
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1

    raw = engine.raw_connection()
    raw.driver_connection.set_progress_handler(one_more, 10)
    raw.close()
    do()
    raw = engine.raw_connection()
    raw.driver_connection.set_progress_handler(None, 0)
    raw.close()
    return count


def test_uploads_are_found_at_the_same_cost_among_ten_times_as_many(engine):
    def look(uploads: int) -> None:
        with reading(engine) as connection:
            assert len(find(connection, {(one.upload_id, one.shopper_id) for one in chosen(uploads)})) == SOME

    fill(engine, range(SMALL))
    small = steps(engine, lambda: look(SMALL))
    fill(engine, range(SMALL, LARGE))
    assert steps(engine, lambda: look(LARGE)) <= small * 1.1


def test_old_uploads_are_deleted_at_the_same_cost_among_ten_times_as_many(engine):
    def drop() -> None:
        old = [row(-number, at=OLD) for number in range(1, SOME + 1)]
        claims = [Claim(f"{number:064}", "s1", OLD) for number in range(SOME)]
        write(engine, old, claims, cluster="c", before=read_positions(engine, "c"), after={})
        before = AT - timedelta(days=8)
        assert prune(engine, before=before, dead_before=before, most=2 * SOME) == 2 * SOME

    fill(engine, range(SMALL))
    small = steps(engine, drop)
    fill(engine, range(SMALL, LARGE))
    assert steps(engine, drop) <= small * 1.1


def test_a_change_of_an_upload_writes_its_row_and_no_index(engine, path):
    def change(uploads: list[Indexed], known: list[Indexed]) -> int:
        """Change uploads, and return how many kB are written."""
        newer = [row(int(one.upload_id[1:]), facts='{"a": 1}') for one in uploads]
        raw = sqlite3.connect(path)
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        write(engine, newer, [], cluster="c", before=read_positions(engine, "c"), after={}, known=known)
        with reading(engine) as connection:
            assert set(find(connection, {(one.upload_id, one.shopper_id) for one in newer}).values()) == set(newer)
        return Path(f"{path}-wal").stat().st_size // 1000

    fill(engine, range(LARGE))
    together = [row(number) for number in range(LARGE // 2, LARGE // 2 + SOME)]
    assert change(together, known=together) < 50
    # The shoppers' index alone has these rows on as many pages.
    assert change(together, known=[]) > 200


def test_an_upload_whose_first_message_is_read_late_gets_its_time(engine):
    fill(engine, range(1))
    earlier = row(0, at=AT - timedelta(seconds=5))
    write(engine, [earlier], [], cluster="c", before=read_positions(engine, "c"), after={}, known=[row(0)])
    with reading(engine) as connection:
        assert [*find(connection, {(earlier.upload_id, earlier.shopper_id)}).values()] == [earlier]
