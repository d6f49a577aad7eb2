"""The words of a check: how it went, and what to do about it; and what checks are told of this machine."""

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
    """One line of the doctor's. Neither `told` nor `advice` may hold a secret."""

    name: str
    status: CheckStatus
    #: What was found.
    told: str
    #: What to do; empty when there is nothing to do.
    advice: str = ""


def ok(name: str, told: str) -> Checked:
    """All is well."""
    return Checked(name, "ok", told)


def warn(name: str, told: str, advice: str) -> Checked:
    """It works, or will once something is started; somebody should look at it."""
    return Checked(name, "warn", told, advice)


def fail(name: str, told: str, advice: str) -> Checked:
    """It does not work."""
    return Checked(name, "fail", told, advice)


def _open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as the checks see it."""

    #: Seconds since the epoch.
    clock: Callable[[], float] = field(default=time.time)
    #: How many files a process may have open; negative for no limit.
    open_files: Callable[[], int] = field(default=_open_files)
    #: Bytes left where a folder lies.
    free_bytes: Callable[[Path], int] = field(default=_free_bytes)
