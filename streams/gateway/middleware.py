"""What every answer of the gateway carries, and how answers are counted. Knows no route."""

from prometheus_client import Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANSWERS = Counter("hangtag_gateway_answers", "Answers of the gateway, by method and status.", ["method", "status"])
IN_FLIGHT = Gauge("hangtag_gateway_in_flight", "Photos the gateway is taking.")
STREAMS = Gauge("hangtag_gateway_streams", "Event streams the gateway is serving.")
REMEMBERED = Gauge("hangtag_gateway_uploads", "Uploads the gateway knows the status of.")

#: Answers are data for programs: no page may guess, keep or frame them, and without CORS none reads them.
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
#: Only heeded where the answer came over TLS (RFC 6797, 8.1).
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_METHODS = frozenset({"GET", "HEAD", "POST"})


class EveryAnswer:
    """ASGI middleware: adds the headers, counts the answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, and then some."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = [*_HEADERS, _TLS_ONLY] if scope["scheme"] == "https" else [*_HEADERS]
        # Anybody may make up a method, and a label for each would fill the memory.
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
                ANSWERS.labels(method, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, send_more)
