"""Logs of every process: one line per event, as text or JSON. Never recognized text, e-mail or image bytes."""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Final

import structlog

from schemas.spans import trace_id
from schemas.steering import escaped
from streams.config.settings import Settings
from streams.telemetry.spans import SPAN

#: The upload that this task processes; every log line contains it. Set for each event. structlog's own way of binding
#: took a twentieth of a stage's time.
UPLOAD_ID: ContextVar[str | None] = ContextVar("upload_id", default=None)
#: Log fields with a traceback.
_OF_MANY_LINES: Final = {"exception", "at"}


def set_up_logs(settings: Settings) -> None:
    """Configure logging to stderr in the chosen format, for our loggers and the libraries'."""
    shared: list[structlog.typing.Processor] = [
        _add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shared += [structlog.processors.format_exc_info, _escape]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The default prints local variables, which may contain shoppers' text.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.addFilter(OncePer(10))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Libraries log every connection and request. Only their warnings are kept.
    for noisy in ("faust", "mode", "aiokafka", "httpx", "httpcore", "asyncio", "rebalance", "alembic", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def _add_ids(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    upload_id = UPLOAD_ID.get()
    if upload_id is not None:
        event.setdefault("upload_id", upload_id)
    trace = trace_id(SPAN.get().carried)
    if trace is not None:
        event.setdefault("trace_id", trace)
    return event


def _escape(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Escape characters that control a terminal, forge a line or reverse text: ids and reasons come from outside."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = escaped(value, keep="\n\t" if name in _OF_MANY_LINES else "")
    return event


class OncePer(logging.Filter):
    """
    Limits how often a library may log the same message.

    During an outage aiokafka logs one message ten times a second, which buries everything else.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass our own lines, and a library's if its last one of the kind is old enough."""
        # structlog's events are dicts by now; libraries log templates.
        if not isinstance(record.msg, str):
            return True
        kind, now = (record.name, record.msg), time.monotonic()
        if now - self._said.get(kind, -self._seconds) < self._seconds:
            return False
        self._said[kind] = now
        return True
