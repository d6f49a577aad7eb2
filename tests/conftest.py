"""What every test leaves behind as it found it."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Undo what a command that ran inside the test's own process made of the logs: its streams are the test's, and closed.

    Loggers are not cached meanwhile, for one that is keeps its set-up whatever is configured later.
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
