"""
Opens the sink's database and migrates it to the newest schema. Knows no table.

Supports a SQLite file (the default), and PostgreSQL for several sync processes on several machines. What the two do
differently is here.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import (
    JSON,
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

#: Seconds that a SQLite writer waits for another process's transaction.
BUSY_S: Final = 30
#: Seconds that a read-only client waits for a connection, and for a result.
LOOK_S: Final = 2
#: Key of the PostgreSQL advisory lock during migration: any constant that nothing else uses.
MIGRATION_LOCK: Final = 0x48414E47
#: Key of the lock between transactions that add rows of shoppers and one that forgets a shopper.
SHOPPERS_LOCK: Final = 0x48414E48

# Alembic keeps its context in module globals: one migration at a time in this process.
_MIGRATING: Final = threading.Lock()
_NO_URL: Final = (
    "the state database cannot be opened: write its URL as sqlite:///.hangtag/state.db or"
    " postgresql+psycopg://user@host/name, with a password percent-encoded"
)


#: Option of a connection whose transactions only read; in SQLite they do not block writers.
_READS: Final = "hangtag_reads"


class StateUnavailableError(RuntimeError):
    """The database cannot be opened or migrated. The message is one line and contains no password."""


def open_database(url: str) -> Engine:
    """
    Connect and migrate. Blocks; safe if several processes open the same database at once.

    Raises:
        StateUnavailableError: Not a database URL, no permission, not a database, or written by a newer version.

    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        _use_sqlite_well(engine)
    try:
        with _MIGRATING, engine.begin() as connection:
            _migrate(connection)
    except (SQLAlchemyError, CommandError) as error:
        # Drivers' messages have several lines.
        reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
        if isinstance(error, CommandError):
            reason = f"a newer version of hangtag wrote it, run that one ({reason})"
    else:
        return engine
    engine.dispose()
    # Raise outside of the handler, so that the driver's error is not kept as the cause: psycopg's has the password.
    raise StateUnavailableError(f"the state database cannot be used: {reason}")


def open_for_reading(url: str) -> Engine:
    """
    Connect read-only, without blocking writers. Blocks for seconds at most; then it fails.

    Does not migrate, so a table may be missing.

    Raises:
        StateUnavailableError: Not a database URL, or its driver is not installed.

    """
    engine = _engine(url, to_read=True)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _settings(connection: sqlite3.Connection, _record: Any) -> None:
            connection.execute(f"PRAGMA busy_timeout = {LOOK_S * 1000}")
            connection.execute("PRAGMA query_only = ON")

    return engine


def parsed_url(url: str) -> URL:
    """
    Parse a database's URL. Unless it names an encoding, a connection to PostgreSQL uses UTF-8.

    Raises:
        StateUnavailableError: It is not valid. The message quotes nothing, because any part may belong to a password.

    """
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise StateUnavailableError(_NO_URL) from None
    # If a URL has two @, the parser takes a part of the password as the host, which error messages show.
    if "@" in (parsed.host or ""):
        raise StateUnavailableError(_NO_URL)
    if parsed.get_backend_name() == "postgresql" and "client_encoding" not in parsed.query:
        # A cluster made where no locale is set has the encoding SQL_ASCII; psycopg would then return bytes for text.
        return parsed.update_query_dict({"client_encoding": "utf8"})
    return parsed


def _engine(url: str, *, to_read: bool = False) -> Engine:
    # libpq's option names; its shortest connection time-out is two seconds, too.
    hasty = {
        "connect_timeout": LOOK_S,
        "options": f"-c statement_timeout={LOOK_S * 1000} -c default_transaction_read_only=on",
    }
    parsed = parsed_url(url)
    kind = parsed.get_backend_name()
    if kind not in {"sqlite", "postgresql"}:
        raise StateUnavailableError(f"the state database must be SQLite or PostgreSQL, not {kind}")
    try:
        if kind == "sqlite" and not to_read:
            _make_private(parsed.database)
        # Parameters are shopper ids: they must not appear in error messages.
        return create_engine(
            parsed,
            hide_parameters=True,
            pool_pre_ping=kind != "sqlite",
            connect_args=hasty if to_read and kind == "postgresql" else {},
        )
    except ImportError as error:
        reason = f"its driver is not installed ({error.name})"
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
    except SQLAlchemyError:
        # The error's text may quote the URL with its password.
        raise StateUnavailableError(_NO_URL) from None
    raise StateUnavailableError(f"the state database cannot be opened: {reason}")


def is_missing(url: str) -> bool:
    """Return whether the URL is of a SQLite file that does not exist: then nothing is known of any shopper."""
    try:
        parsed = parsed_url(url)
    except StateUnavailableError:
        return False
    return parsed.get_backend_name() == "sqlite" and not (parsed.database and Path(parsed.database).exists())


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that only reads, and waits for no writer."""
    with engine.connect().execution_options(**{_READS: True}) as connection, connection.begin():
        yield connection


def lock_to_add(connection: Connection) -> None:
    """
    Let no shopper be forgotten until this transaction ends. Call it first, before the erasure ledger is read.

    PostgreSQL's DELETE does not see rows that another transaction has not committed. So without this lock, the row of
    a shopper could be committed after the shopper was forgotten. SQLite has one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": SHOPPERS_LOCK})


def lock_to_forget(connection: Connection) -> None:
    """Wait for every transaction that called `lock_to_add`, and let none begin until this one ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SHOPPERS_LOCK})


def in_utc(moment: datetime) -> datetime:
    """Return a time from the database with its time zone, which SQLite does not store."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def has_key(connection: Connection, table: Table, keys: Iterable[tuple[str, ...]]) -> ColumnElement[bool]:
    """
    Return the condition that a row's primary key, of texts, is one of any number of keys.

    The keys are one JSON parameter. Both databases then look each key up in the primary key's index. With a list of
    tuples, SQLite reads the whole table, and PostgreSQL compares every row that it finds with every key.
    """
    if connection.dialect.name == "postgresql":
        each, part, place = func.json_array_elements, func.json_extract_path_text, "{}"
    else:
        each, part, place = func.json_each, func.json_extract, "$[{}]"
    columns = [*table.primary_key.columns]
    wanted = each(literal([*keys], JSON)).table_valued("value", name="wanted")
    parts = select(*[part(wanted.c.value, place.format(number)) for number in range(len(columns))])
    return columns[0].in_(parts) if len(columns) == 1 else tuple_(*columns).in_(parts)


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    """Insert the rows whose key is not in use; return how many."""
    if not rows:
        return 0
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(new, rows).rowcount


def _migrate(connection: Connection) -> None:
    # The lock lasts until the transaction ends, so a second process finds the migration done. SQLite needs no extra
    # lock, because each of our transactions begins with the write lock.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _make_private(database: str | None) -> None:
    if not database or database == ":memory:" or database.startswith("file:"):
        return
    path = Path(database)
    # mkdir's own `mode` applies to the last folder only.
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    # SQLite's side files (-wal, -shm) get the permissions of the database.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _use_sqlite_well(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _settings(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver's own transactions begin too late (at the first write) and commit before each DDL statement.
        connection.isolation_level = None
        # One damaged text must not fail a whole query. The code that reads the row detects it.
        connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000}")
        _write_ahead(connection)
        # FULL: a profile whose upload is committed in Kafka must survive a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        # Forgotten data must be gone from the file, not only from its tables.
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail, not wait, if another process wrote in between.
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_READS) else "BEGIN IMMEDIATE")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # This statement does not wait for a lock: it fails while another process makes the same change.
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return
