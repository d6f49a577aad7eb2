"""
Waits for obstore's threads before the interpreter exits. Knows no store.

A response wakes the event loop before the thread that brought it has left Python. If the process then exits at once,
that thread loses the interpreter and the process aborts (SIGABRT, exit code 134) although everything succeeded: one
`hangtag retention sweep` in five on two cores. github.com/PyO3/pyo3-async-runtimes/issues/40 asks for a shutdown.
"""

import atexit
import sys
import threading
import time
from functools import cache
from typing import Final

_AT_MOST_S: Final = 2.0


@cache
def wait_at_exit() -> None:
    """Let this process wait at its end, usually for moments, until no thread of obstore runs Python code."""
    atexit.register(_wait)


def _wait() -> None:
    deadline = time.monotonic() + _AT_MOST_S
    while _strangers() and time.monotonic() < deadline:
        time.sleep(0.001)


def _strangers() -> set[int]:
    return sys._current_frames().keys() - {thread.ident for thread in threading.enumerate()}  # noqa: SLF001 - documented in sys; no other way to see them
