"""The Docker engine of this machine, by its command line."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class EngineFailedError(RuntimeError):
    """A command of Docker's failed; the message has the command and the end of what it printed."""


def answers() -> bool:
    """Return whether Docker's command line is here and its engine answers."""
    try:
        told = subprocess.run(["docker", "version"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return told.returncode == 0


def docker(*arguments: str, quiet: bool = True) -> str:
    """
    Run a command in the repository's root, and return what it printed. Unless `quiet`, its progress goes to stderr.

    Raises:
        EngineFailedError: it failed.

    """
    told = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
    )
    if told.returncode:
        raise EngineFailedError(f"docker {' '.join(arguments)}: {(told.stdout + (told.stderr or ''))[-4000:]}")
    return told.stdout
