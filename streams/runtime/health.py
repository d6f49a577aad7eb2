"""
A stage's HTTP server: /healthz (running, not a zombie), /readyz (has its partitions), /metrics.

Faust's web server stays off, because it binds every address, has no deadlines, and serves more than this.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import uvicorn
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ocr_worker.http.bounded_http import bounded_http, own_policy
from ocr_worker.http.connection_policy import ConnectionPolicy
from streams.config.settings import Settings
from streams.runtime.intake import Intake

#: Seconds that a stopping stage waits for clients that still read a response.
_GOODBYE_S = 1


class _Server(uvicorn.Server):
    """uvicorn inside a process that handles its signals itself."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override] # uvicorn writes it as a generator
        return contextlib.nullcontext()


async def serve_health(
    settings: Settings, intake: Intake, policy: ConnectionPolicy | None = None
) -> Callable[[], Awaitable[None]]:
    """
    Start the server on the port of the settings. Returns a function that stops it.

    `policy` limits connections; without one the limits follow from the files this process may have open.

    Raises:
        OSError: The port cannot be opened.

    """
    family = socket.AF_INET6 if ":" in settings.health_host else socket.AF_INET
    # Open the port here, because uvicorn ends the process if it cannot.
    listener = socket.create_server((settings.health_host, settings.health_port), family=family)
    server = _Server(
        uvicorn.Config(
            _app(settings, intake),
            http=bounded_http(policy or own_policy()),
            access_log=False,
            server_header=False,
            log_config=None,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=_GOODBYE_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def stop() -> None:
        server.should_exit = True
        await serving

    return stop


def _app(settings: Settings, intake: Intake) -> Starlette:
    async def healthz(_request: Request) -> Response:
        reason = intake.zombie(settings.zombie_after_s)
        return PlainTextResponse("ok" if reason is None else reason, 200 if reason is None else 503)

    async def readyz(_request: Request) -> Response:
        ready = intake.settled.is_set()
        return PlainTextResponse("ready" if ready else "no assignment yet", 200 if ready else 503)

    async def metrics(request: Request) -> Response:
        # Only OpenMetrics has exemplars, and a client must ask for it.
        write, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(write(REGISTRY), headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
