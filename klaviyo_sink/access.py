"""Opens a client for an account from the configuration: URL, revision, and the key or the OAuth tokens."""

from collections.abc import Callable
from datetime import datetime

import httpx

from klaviyo_sink.api.client import KlaviyoClient, Listener, PrivateKey
from klaviyo_sink.api.oauth import OAuth
from klaviyo_sink.config import SinkConfig
from schemas.steady_clock import now as steady_now


def open_client(
    config: SinkConfig,
    *,
    now: Callable[[], datetime] = steady_now,
    listener: Listener | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> KlaviyoClient:
    """Create a client that authenticates by the tokens, else by the key. Without both, calls return Misconfigured."""
    return KlaviyoClient(
        config.url,
        _auth(config, now),
        revision=config.revision,
        timeout_s=config.timeout_s,
        listener=listener,
        transport=transport,
        spans=config.spans,
    )


def _auth(config: SinkConfig, now: Callable[[], datetime]) -> httpx.Auth | None:
    if config.tokens is not None:
        return OAuth(config.tokens, lambda: now().timestamp())
    return None if config.key is None else PrivateKey(config.key)
