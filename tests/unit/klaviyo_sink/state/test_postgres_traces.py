"""Which of PostgreSQL's files still hold a forgotten shopper: docs/privacy.md lists what this file shows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from postgres_server import MISSING, Postgres, running
from sqlalchemy import Engine

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget, rewrite_tables
from klaviyo_sink.state.tables import claims, keyed_uploads, style_profiles, uploads, written_events

if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

AT = datetime(2026, 11, 22, tzinfo=UTC)
GONE, STAYS = "shopper-4711-gone", "shopper-4712-stays"
LOG_OF_CHANGES = "pg_wal/"


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture
def engine(postgres) -> Iterator[Engine]:
    engine = open_database(postgres.url)
    yield engine
    engine.dispose()


def write(engine: Engine, shopper: str, *, events: int = 500, more: str = "") -> None:
    row: dict[str, Any] = {"shopper_id": shopper, "row_version": 1, "version": 1, "written_version": 1, "said": "{}"}
    ids = [{"unique_id": f"{shopper}-{at}", "upload_id": f"{shopper}-u{at}"} for at in range(events)]
    with engine.begin() as connection:
        connection.execute(style_profiles.insert(), row | {"profile": f'["{shopper}{more}"]'})
        connection.execute(written_events.insert(), [one | {"shopper_id": shopper, "written_at": AT} for one in ids])
        index = {"shopper_id": shopper, "seen_at": AT, "changed_at": AT, "step": "synced", "facts": f'["{shopper}"]'}
        connection.execute(uploads.insert(), [index | {"upload_id": one["upload_id"]} for one in ids])
        claim = {"digest": "d", "shopper_id": shopper, "seen_at": AT}
        connection.execute(claims.insert(), claim)
        keyed = {"upload_id": f"{shopper}-key", "shopper_id": shopper, "sha256": "a", "tried_at": AT, "published": 1}
        connection.execute(keyed_uploads.insert(), keyed)


def outside_the_log(files: list[str]) -> list[str]:
    return [file for file in files if not file.startswith(LOG_OF_CHANGES)]


def test_nothing_of_a_forgotten_shopper_stays_in_tables_indexes_and_statistics(postgres, engine):
    for shopper in (GONE, STAYS):
        write(engine, shopper)
    # As autovacuum does by itself.
    postgres.execute("ANALYZE")
    assert outside_the_log(postgres.files_with(GONE.encode()))
    forget(engine, GONE, at=AT)
    assert rewrite_tables(engine) is None
    assert outside_the_log(postgres.files_with(GONE.encode())) == []
    assert outside_the_log(postgres.files_with(STAYS.encode()))


def test_no_trace_of_the_last_shopper_stays_either(postgres, engine):
    write(engine, GONE)
    postgres.execute("ANALYZE")
    forget(engine, GONE, at=AT)
    postgres.execute("ANALYZE")
    assert rewrite_tables(engine) is None
    assert outside_the_log(postgres.files_with(GONE.encode())) == []


def test_statistics_from_before_they_were_switched_off_go_too(postgres, engine):
    write(engine, GONE)
    for table, column in (("style_profiles", "shopper_id"), ("written_events", "shopper_id")):
        postgres.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")
    # As it was before migration 0005: without what later ones made.
    postgres.execute("DROP TABLE remembered_uploads, uploads, index_positions, claims, keyed_uploads")
    postgres.execute("ANALYZE", "UPDATE hangtag_sink_version SET version_num = '0004'")
    statistics = "SELECT pg_relation_filepath('pg_statistic')"
    with engine.connect() as connection:
        path = connection.exec_driver_sql(statistics).scalar_one()
    assert path in postgres.files_with(GONE.encode())
    open_database(postgres.url).dispose()
    forget(engine, GONE, at=AT)
    assert rewrite_tables(engine) is None
    assert outside_the_log(postgres.files_with(GONE.encode())) == []


def test_the_log_of_changes_holds_the_shopper_until_other_changes_have_filled_it(postgres, engine):
    write(engine, GONE)
    forget(engine, GONE, at=AT)
    assert any(file.startswith(LOG_OF_CHANGES) for file in postgres.files_with(GONE.encode()))
    rewrite_tables(engine)
    assert all(file.startswith(LOG_OF_CHANGES) for file in postgres.files_with(GONE.encode()))
    for at in range(100):
        # Some 200 kB of changes each, in a server that keeps 2 MB of them.
        write(engine, f"{STAYS}-{at}", events=300, more="x" * 100_000)
        if not postgres.files_with(GONE.encode()):
            break
    assert postgres.files_with(GONE.encode()) == []
