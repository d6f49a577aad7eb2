"""
A stage's own small HTTP server: /healthz (alive, no zombie), /readyz (has its partitions), /metrics.

Faust's web server stays off: it binds every address and answers more than is asked.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from streams.config.settings import Settings
from streams.runtime.intake import Intake


async def serve_health(settings: Settings, intake: Intake) -> Callable[[], Awaitable[None]]:
    """Start it where settings say, if they say; answers how to stop it."""

    async def healthz(_request: web.Request) -> web.Response:
        reason = intake.zombie(settings.zombie_after_s)
        return web.Response(text="ok" if reason is None else reason, status=200 if reason is None else 503)

    async def readyz(_request: web.Request) -> web.Response:
        ready = intake.settled.is_set()
        return web.Response(text="ready" if ready else "no assignment yet", status=200 if ready else 503)

    async def metrics(request: web.Request) -> web.Response:
        # OpenMetrics for who takes it: only there exemplars are told.
        write, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=write(REGISTRY), headers={"Content-Type": content_type})

    server = web.Application()
    server.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    if settings.health_port:
        await web.TCPSite(runner, settings.health_host, settings.health_port).start()
    return runner.cleanup
