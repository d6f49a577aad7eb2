"""The commands for backup and restore on docs/operations.md bring back the state database as it was."""

import re
import shutil
import subprocess
from pathlib import Path

import postgres_server
import pytest
from sqlalchemy import create_engine, inspect, text

from klaviyo_sink.state.database import open_database

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
FORGET = "INSERT INTO forgotten_shoppers (shopper_digest, forgotten_at) VALUES ('{}', '2026-11-01 00:00:00+00:00')"


def blocks() -> list[str]:
    """List the page's blocks for PostgreSQL, without the line that names the reader's own database."""
    found = [code for code in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if "$DATABASE" in code]
    return [re.sub(r"^export DATABASE.*\n", "", code) for code in found]


def forgotten(url: str) -> list[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT shopper_digest FROM forgotten_shoppers ORDER BY 1")).scalars().all()
    engine.dispose()
    return list(rows)


def tables(url: str) -> list[str]:
    engine = create_engine(url)
    names = inspect(engine).get_table_names()
    engine.dispose()
    return names


@pytest.mark.skipif(postgres_server.MISSING is not None, reason=str(postgres_server.MISSING))
def test_a_dump_of_postgresql_brings_back_the_tables_and_nothing_newer(tmp_path: Path):
    with postgres_server.running() as server:
        database = server.url.replace("+psycopg", "")
        environment = {"DATABASE": database, "PATH": f"{postgres_server.PROGRAMS}:/usr/bin:/bin"}
        open_database(server.url).dispose()
        server.execute(FORGET.format("before"))
        back_up, restore = blocks()
        subprocess.run(["bash", "-euc", back_up], cwd=tmp_path, env=environment, check=True)
        server.execute(FORGET.format("after"), "CREATE TABLE of_a_newer_version (name text)")
        done = subprocess.run(
            ["bash", "-euc", restore], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert forgotten(server.url) == ["before"]
        assert "of_a_newer_version" not in tables(server.url)
        open_database(server.url).dispose()


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="SQLite's backup is not tried: install sqlite3")
def test_a_backup_of_sqlite_has_the_rows_of_the_database(tmp_path: Path):
    command = re.search(r"`(sqlite3 [^`]+)`", PAGE)[1]
    (tmp_path / ".hangtag").mkdir()
    url = f"sqlite:///{tmp_path}/.hangtag/state.db"
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text(FORGET.format("before")))
    subprocess.run(["bash", "-euc", command.replace("/backups/", f"{tmp_path}/")], cwd=tmp_path, check=True)
    engine.dispose()
    assert forgotten(f"sqlite:///{tmp_path}/state.db") == ["before"]
