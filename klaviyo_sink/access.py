"""Opens a client for an account from the configuration: address, revision, and the key or the OAuth tokens."""

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
    """Make a client that signs with the tokens, else with the key; without either its calls are Misconfigured."""
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
