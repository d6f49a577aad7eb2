"""Adds headers to every response of the gateway and counts responses. Knows no route."""

from prometheus_client import Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANSWERS = Counter("hangtag_gateway_answers", "Responses of the gateway, by method and status.", ["method", "status"])
IN_FLIGHT = Gauge("hangtag_gateway_in_flight", "Photos that the gateway is receiving or publishing.")
STREAMS = Gauge("hangtag_gateway_streams", "Event streams that the gateway is serving.")
REMEMBERED = Gauge("hangtag_gateway_uploads", "Uploads whose status the gateway remembers.")

#: Responses are data for programs: no page may guess their type, cache or frame them; without CORS none reads them.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
#: Browsers respect it only in responses over TLS (RFC 6797, 8.1).
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_METHODS = frozenset({"GET", "HEAD", "POST"})


class EveryAnswer:
    """ASGI middleware that adds the headers and counts the response."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; add headers to its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = [*_HEADERS, _TLS_ONLY] if scope["scheme"] == "https" else [*_HEADERS]
        # Clients can invent methods, and one label for each would fill the memory.
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
                ANSWERS.labels(method, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, send_more)
