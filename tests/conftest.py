"""Set-up for every test: what its processes import, no time limit for hypothesis, and logs restored afterwards."""

import gc
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings

# Processes that tests start import the installed package, as the tests do, and not the checkout they are started in.
os.environ["PYTHONSAFEPATH"] = "1"  # noqa: TID251 - a switch of Python's, not a setting

# On a busy machine any single example may take longer than hypothesis' default of 200 ms.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


def pytest_collection_finish() -> None:
    """Keep thousands of tests and their modules out of every garbage collection: they stay until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def restored_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Restore the logging set-up after a test that ran a command in this process, because the test's streams are closed.

    Loggers are not cached during the test: a cached logger would ignore any later configuration.
    """
    configure, before = structlog.configure, structlog.get_config()

    def uncached(**config: Any) -> None:
        configure(**config | {"cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", uncached)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    configure(**before)
