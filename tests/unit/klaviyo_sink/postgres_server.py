"""A real PostgreSQL server of the tests' own, from Debian's package, on a socket in a folder of its own."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

#: The newest of Debian's versions.
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name), default=Path("none"))
USER = "postgres"
_AS_ROOT = os.geteuid() == 0
_THERE = (
    importlib.util.find_spec("psycopg") is not None
    and (PROGRAMS / "initdb").exists()
    and (not _AS_ROOT or shutil.which("setpriv") is not None)
)
#: Why there is none on this machine.
MISSING = None if _THERE else "PostgreSQL is not tried: it needs psycopg, Debian's postgresql and, for root, setpriv"
#: Little is kept of the log of changes, so that a test can have it overwritten.
_OPTIONS = ("-c listen_addresses=''", "-c min_wal_size=2MB", "-c max_wal_size=2MB", "-F")


@dataclass(frozen=True, slots=True)
class Postgres:
    """One running server."""

    url: str
    data: Path

    def execute(self, *statements: str) -> None:
        """Run statements outside of a transaction, as an administrator."""
        engine = create_engine(self.url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def without_encoding(self) -> str:
        """Create a database as in a cluster that was made where no locale is set, and return its URL."""
        self.execute("CREATE DATABASE bare TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
        return self.url.replace("/postgres?", "/bare?")

    def files_with(self, *words: bytes) -> list[str]:
        """List the files, below the server's folder, that hold one of the words. What is in memory is written first."""
        self.execute("CHECKPOINT")
        found = []
        for path in self.data.rglob("*"):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                # The server removes old files meanwhile.
                continue
            if any(word in content for word in words):
                found.append(str(path.relative_to(self.data)))
        return sorted(found)


@contextmanager
def running() -> Iterator[Postgres]:
    """Start one. Its folder has a short name, because a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        data = Path(folder) / "data"
        # PostgreSQL refuses to run as root.
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if _AS_ROOT else []
        if _AS_ROOT:
            shutil.chown(folder, USER, USER)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        make = [PROGRAMS / "initdb", "-D", data, "-A", "trust", "-N", "-U", USER, "--wal-segsize=1"]
        subprocess.run([*as_user, *make], check=True, **quiet)
        control = [*as_user, PROGRAMS / "pg_ctl", "-D", data, "-w", "-l", data / "log"]
        options = " ".join([*_OPTIONS, f"-k {folder}"])
        subprocess.run([*control, "-o", options, "start"], check=True, **quiet)
        try:
            yield Postgres(f"postgresql+psycopg://{USER}@/postgres?host={folder}", data)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
