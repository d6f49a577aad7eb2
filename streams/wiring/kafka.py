"""Names the topics and builds the process's one producer of messages."""

from __future__ import annotations

from collections.abc import Callable

from schemas.emitter import Emitter
from schemas.topics import Topics, topics
from streams.config.settings import Settings
from streams.kafka.clients import client_config


def make_topics(settings: Settings) -> Topics:
    """Name the topics."""
    return topics(settings.topic_prefix)


def make_emitter(
    settings: Settings,
    *,
    crash: Callable[[Exception], object] = lambda _error: None,
    patience_s: float = 30,
    as_it_is: bool = False,
) -> Emitter:
    """
    Make the one producer of this process; `crash` is told when it can never deliver again.

    `as_it_is`: for bytes that came from Kafka, framed or not, and not for new events.

    Raises:
        UnusableError: the Schema Registry does not answer, or lacks a schema.

    """
    from streams.kafka.schema_registry import frames

    config = client_config(settings) | {"delivery.timeout.ms": int(patience_s * 1000)}
    return Emitter(config, frames=None if as_it_is else frames(settings), crash=crash)
