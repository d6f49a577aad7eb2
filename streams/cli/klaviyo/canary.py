"""`hangtag klaviyo canary`: checks that events sent to Klaviyo arrive, once or continuously."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from typing import NoReturn

    from streams.config.settings import Settings


def canary(
    *,
    email: str = typer.Option(help="Address of a test profile at a real domain; Klaviyo drops test domains."),
    limit_s: float = typer.Option(600, min=1, help="Seconds until the event must be visible."),
    every: float | None = typer.Option(
        None, min=1, metavar="S", help="Repeat every S seconds until stopped, and serve metrics."
    ),
    port: int = typer.Option(9309, min=0, max=65535, help="Port of the metrics, with --every; 0 picks a free one."),
    host: str = typer.Option("127.0.0.1", help="Address of the metrics, with --every."),
) -> None:
    """
    Check delivery: send one backfilled event and read it back. Exits 1 if it is not visible in time.

    Needs the scopes events:read and profiles:read besides events:write. With --every it continues after failures.
    """
    import asyncio

    from klaviyo_sink.delivery.refusals import in_test_domain
    from streams.cli.support.metrics_server import serving_metrics
    from streams.config.settings import Settings
    from streams.telemetry.logs import set_up_logs
    from streams.wiring.klaviyo import make_sink_config

    if in_test_domain(email):
        typer.echo("Klaviyo drops events of test domains; use another address", err=True)
        raise typer.Exit(2)
    settings = Settings()
    make_sink_config(settings)
    if every is not None:
        set_up_logs(settings)
        with serving_metrics("Canary", host, port):
            asyncio.run(_again_and_again(settings, email, limit_s, every))
    seen = asyncio.run(_send(settings, email, limit_s))
    if isinstance(seen, str):
        typer.echo(f"canary: {seen}", err=True)
        raise typer.Exit(1)
    print(f"canary: visible after {seen:.1f} s")


async def _send(settings: Settings, email: str, limit_s: float) -> float | str:
    """Return the seconds until the event was visible, or a sentence that says why it was not."""
    from klaviyo_sink.account.canary import Canary
    from streams.wiring.klaviyo import make_klaviyo

    async with make_klaviyo(settings) as client:
        return await Canary(client, settings.klaviyo_metric).run(email, limit_s)


async def _again_and_again(settings: Settings, email: str, limit_s: float, every_s: float) -> NoReturn:
    import asyncio
    import time

    import structlog

    from streams.telemetry import canary_metrics
    from streams.wiring.clock import now

    log = structlog.get_logger()
    while True:
        began = time.monotonic()
        seen = await _send(settings, email, limit_s)
        if isinstance(seen, str):
            canary_metrics.CANARIES.labels("missing").inc()
            log.error("canary missing", message=seen)
        else:
            canary_metrics.CANARIES.labels("seen").inc()
            canary_metrics.SEEN.set(now().timestamp())
            canary_metrics.SECONDS.set(seen)
            log.info("canary seen", seconds=round(seen, 1))
        await asyncio.sleep(max(0.0, every_s - (time.monotonic() - began)))
