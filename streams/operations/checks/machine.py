"""Checks of this machine: the lexicon, the state database, open files, free space."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

import klaviyo_sink
from klaviyo_sink.state.database import StateUnavailableError, parsed_url
from streams.config.settings import Settings, UnusableError
from streams.operations.checks.answer import Checked, Machine, fail, ok, warn
from streams.wiring.rules import make_tagger

#: Files that a stage process needs for Kafka, the database and itself, in addition to one per event in flight.
_OTHER_FILES: Final = 200
#: Bytes. A photo has at most 20 MB; below the first limit the disk is full soon.
_LITTLE, _SOME = 200_000_000, 2_000_000_000
#: Seconds that a driver waits for a server or a write lock, and the driver's name for that setting.
_PATIENCE_S: Final = 4
_WAITS: Final = {"sqlite": "timeout", "postgresql": "connect_timeout"}
_STATE: Final = "set HANGTAG_STATE_URL to a SQLite file or a PostgreSQL database that this process may write"


async def lexicon(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that the lexicon can be loaded."""
    try:
        read = (await asyncio.to_thread(make_tagger, settings)).lexicon
    except UnusableError as error:
        return [fail("lexicon", str(error), "run `hangtag rules check`, and fix what it lists")]
    return [ok("lexicon", f"version {read.version}, {len(read.entries)} entries")]


async def state(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that the state database is writable and has our tables. Does not migrate: the sync stage does."""
    return [await asyncio.to_thread(_state, settings)]


async def files(settings: Settings, machine: Machine) -> list[Checked]:
    """Check that a process may have enough files and connections open."""
    allowed, needed = machine.open_files(), settings.in_flight + _OTHER_FILES
    if 0 <= allowed < needed:
        advice = f"raise `ulimit -n` (LimitNOFILE, ulimits) to {max(1024, 2 * needed)}"
        return [fail("files", f"{allowed} may be open, {needed} are needed", advice)]
    return [ok("files", f"{'any number' if allowed < 0 else allowed} may be open, {needed} are needed")]


async def disk(settings: Settings, machine: Machine) -> list[Checked]:
    """Check that there is space for photos and state, if they are stored on this machine."""
    lines = []
    for what, folder in _folders(settings):
        free = machine.free_bytes(_existing(folder))
        finding = f"{free / 1e9:.1f} GB free for {what}"
        if free < _SOME:
            lines.append(
                (fail if free < _LITTLE else warn)("disk", finding, f"free some space, or move {what} elsewhere")
            )
    return lines or [ok("disk", "there is enough space")]


def _state(settings: Settings) -> Checked:
    try:
        url = parsed_url(settings.state_url.get_secret_value())
        file = _sqlite_file(url)
        if file is not None and not file.exists():
            return _not_yet(file)
        return _schema(url)
    except StateUnavailableError as error:
        return fail("state", f"HANGTAG_STATE_URL: {error}", _STATE)
    except (ArgumentError, ImportError) as error:
        return fail("state", f"HANGTAG_STATE_URL cannot be used ({type(error).__name__})", _STATE)
    except SQLAlchemyError as error:
        return fail("state", f"the database cannot be used ({type(error).__name__})", _STATE)


def _schema(url: URL) -> Checked:
    if (kind := url.get_backend_name()) not in _WAITS:
        return fail("state", f"a {kind} database is not supported", _STATE)
    name = _WAITS[kind]
    engine = create_engine(url, hide_parameters=True, connect_args={} if name in url.query else {name: _PATIENCE_S})
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": "hangtag_sink_version"})
            there = context.get_current_revision()
            connection.rollback()
            locked = kind == "sqlite" and _is_locked(connection)
    finally:
        engine.dispose()
    scripts = ScriptDirectory(str(Path(klaviyo_sink.__file__).parent / "state" / "migrations"))
    newest = scripts.get_current_head()
    if there not in {None, *(script.revision for script in scripts.walk_revisions())}:
        return fail("state", f"a newer version of hangtag migrated the database ({there})", "run that version or later")
    if there != newest:
        return warn("state", f"at schema {there or 'none'}, {newest} is the newest", "the sync stage migrates at start")
    if locked:
        finding = f"{kind}, at schema {newest}; another process has held its write lock for {_PATIENCE_S} s"
        return warn(
            "state", finding, "a busy sync stage may do this; if none runs, find the process: `fuser -v` on the file"
        )
    return ok("state", f"{kind}, at schema {newest}")


def _is_locked(connection: Connection) -> bool:
    """Return whether another process has SQLite's write lock. Takes the lock and releases it."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError) and error.orig.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return True
        raise
    connection.rollback()
    return False


def _not_yet(file: Path) -> Checked:
    folder = _existing(file.parent)
    if folder.is_dir() and os.access(folder, os.W_OK):
        return ok("state", "does not exist yet: the sync stage creates it")
    return fail("state", f"cannot be created: {folder} is not a writable folder", _STATE)


def _sqlite_file(url: URL) -> Path | None:
    named = url.database if url.get_backend_name() == "sqlite" else None
    return None if not named or named == ":memory:" or named.startswith("file:") else Path(named)


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.store_url.startswith("file:"):
        yield "photos", Path(unquote(settings.store_url.removeprefix("file:").removeprefix("//")))
    try:
        file = _sqlite_file(parsed_url(settings.state_url.get_secret_value()))
    except StateUnavailableError:
        # The check of the state database reports it.
        return
    if file is not None:
        yield "state", file.parent


def _existing(folder: Path) -> Path:
    """Return the nearest parent folder that exists."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
