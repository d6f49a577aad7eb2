"""Builds the topics' names and the process's one producer of messages."""

from __future__ import annotations

from collections.abc import Callable

from schemas.emitter import Emitter
from schemas.topics import Topics, topics
from streams.config.settings import Settings
from streams.kafka.clients import client_config


def make_topics(settings: Settings) -> Topics:
    """Return the topics."""
    return topics(settings.topic_prefix)


def make_emitter(
    settings: Settings,
    *,
    crash: Callable[[Exception], object] = lambda _error: None,
    patience_s: float = 30,
    as_it_is: bool = False,
) -> Emitter:
    """
    Create the one producer of this process.

    Args:
        settings: Address of Kafka.
        crash: Called with the error when the producer can no longer deliver.
        patience_s: Seconds to wait for a Schema Registry.
        as_it_is: For bytes that came from Kafka, framed or not, as opposed to new events.

    Raises:
        UnusableError: The Schema Registry does not respond, or lacks a schema.

    """
    from streams.kafka.schema_registry import frames

    config = client_config(settings) | {"delivery.timeout.ms": int(patience_s * 1000)}
    return Emitter(config, frames=None if as_it_is else frames(settings), crash=crash)
