"""
Lets obstore's threads leave before the interpreter does. Knows no store.

An answer wakes the event loop before the thread that brought it is out of Python again. A process that then ends at
once takes the interpreter away from under that thread, and is aborted (SIGABRT, exit code 134) after all went well:
one `hangtag retention sweep` in five on two cores. github.com/PyO3/pyo3-async-runtimes/issues/40 asks for a shutdown.
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
    """Have this process wait at its end, for moments as a rule, until no thread but Python's own runs Python."""
    atexit.register(_wait)


def _wait() -> None:
    deadline = time.monotonic() + _AT_MOST_S
    while _strangers() and time.monotonic() < deadline:
        time.sleep(0.001)


def _strangers() -> set[int]:
    return sys._current_frames().keys() - {thread.ident for thread in threading.enumerate()}  # noqa: SLF001 - documented in sys; no other way to see them
