"""Set-up for every test: no time limit for hypothesis, and logs restored after each test."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings

# On a busy machine any single example may take longer than hypothesis' default of 200 ms.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


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
