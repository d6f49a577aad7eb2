"""Who we are to Kafka, and whom we believe, for Faust's own client: the settings of kafka_security.py, its way."""

import time
from collections.abc import Callable
from typing import Any

import faust
import httpx
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from streams.config.settings import Settings
from streams.kafka.security import password

#: A token is used again for this share of its life, as librdkafka does.
_TOKEN_USED = 0.8
#: Life of a token whose endpoint does not tell it, seconds (RFC 6749, 5.1 leaves it open).
_TOKEN_LIFE_S = 300.0
_TOKEN_TIMEOUT_S = 10


def faust_security(settings: Settings) -> Any:
    """Give Faust the same as `librdkafka_security` gives the others; None for plaintext."""
    if settings.kafka_protocol == "plaintext":
        return None
    context = settings.kafka_tls()
    if settings.kafka_protocol == "ssl":
        return faust.SSLCredentials(context)
    if settings.kafka_mechanism == "OAUTHBEARER":
        return faust.auth.OAuthCredentials(oauth_cb=TokenProvider(settings), ssl_context=context)
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=password(settings),
        ssl_context=context,
        mechanism=settings.kafka_mechanism,
    )


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no type information here
    """Fetches tokens by OAuth 2.0 client credentials (RFC 6749, 4.4), as librdkafka does by itself."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Fetch nothing yet."""
        self._settings, self._clock = settings, clock
        self._token, self._use_until = "", 0.0

    async def token(self) -> str:
        """
        Give a token that is still good.

        Raises:
            KafkaConnectionError: none is to be had. aiokafka's tasks would end for good by any other exception.

        """
        try:
            return await self._token_in_use()
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            raise KafkaConnectionError(f"no token from the issuer ({type(error).__name__})") from None

    async def _token_in_use(self) -> str:
        if self._clock() >= self._use_until:
            asked, settings = self._clock(), self._settings
            form = {"grant_type": "client_credentials"} | (
                {"scope": settings.kafka_scope} if settings.kafka_scope else {}
            )
            # A client of its own: Faust asks from another event loop than ours.
            async with httpx.AsyncClient(timeout=_TOKEN_TIMEOUT_S) as client:
                answer = await client.post(
                    settings.kafka_token_url or "",
                    data=form,
                    auth=(settings.kafka_username or "", password(settings)),
                )
            answer.raise_for_status()
            said = answer.json()
            self._token = said["access_token"]
            self._use_until = asked + _TOKEN_USED * float(said.get("expires_in", _TOKEN_LIFE_S))
        return self._token
