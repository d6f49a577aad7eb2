"""The result of a check: its status, what it found and what to do; and access to this machine."""

import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CheckStatus = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of the doctor's output. Must contain no secret."""

    name: str
    status: CheckStatus
    #: What the check found.
    finding: str
    #: What to do; empty if nothing.
    advice: str = ""


def ok(name: str, finding: str) -> Checked:
    """Return a result without problems."""
    return Checked(name, "ok", finding)


def warn(name: str, finding: str, advice: str) -> Checked:
    """Return a problem that does not stop Hangtag; somebody should look at it."""
    return Checked(name, "warn", finding, advice)


def fail(name: str, finding: str, advice: str) -> Checked:
    """Return a problem that stops Hangtag."""
    return Checked(name, "fail", finding, advice)


def _open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as the checks see it."""

    #: Seconds since the epoch.
    clock: Callable[[], float] = field(default=time.time)
    #: Most files that a process may have open; negative: no limit.
    open_files: Callable[[], int] = field(default=_open_files)
    #: Free bytes on the file system of a folder.
    free_bytes: Callable[[Path], int] = field(default=_free_bytes)
