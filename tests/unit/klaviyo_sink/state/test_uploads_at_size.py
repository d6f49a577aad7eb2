"""What the index of uploads costs per message does not depend on how many uploads it holds."""

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
