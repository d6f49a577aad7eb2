"""`hangtag gateway`: accepts uploads over HTTP from apps without a Kafka client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from streams.cli.support.listen import check_exposure, listen
from streams.cli.support.serve_http import check_tls, serve_http
from streams.config.settings import Settings

log = structlog.get_logger()


def gateway(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: HANGTAG_GATEWAY_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="0 picks a free one. Default: HANGTAG_GATEWAY_PORT.")] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM chain, for HTTPS. Default: HANGTAG_GATEWAY_TLS_CERT.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key. Default: HANGTAG_GATEWAY_TLS_KEY.")] = None,
    allow_email: Annotated[
        bool, typer.Option("--allow-email", help="Accept the field email. Default: HANGTAG_GATEWAY_ALLOW_EMAIL.")
    ] = False,
) -> None:
    """
    Accept uploads over HTTP: POST /uploads, GET /uploads/ID, GET /uploads/ID/events, /healthz, /readyz, /metrics.

    Ctrl-C or SIGTERM finishes uploads in flight, then stops. Needs HANGTAG_GATEWAY_TOKEN unless it listens on a
    loopback address. Reads HANGTAG_STATE_URL, so that it accepts no uploads of forgotten shoppers and shows none.
    """
    import asyncio
    import os
    import signal
    import traceback

    from streams.erasure.guard import ForgottenShoppers
    from streams.gateway.app import GatewayConfig, create_app
    from streams.gateway.follower import Follower
    from streams.gateway.forgotten import ForgottenUploads
    from streams.gateway.memory import Memory
    from streams.gateway.recorded import Recorded
    from streams.telemetry.logs import set_up_logs
    from streams.telemetry.spans import make_spans
    from streams.wiring.kafka import make_emitter
    from streams.wiring.uploads import make_uploads

    settings = Settings()
    cert, key = tls_cert or settings.gateway_tls_cert, tls_key or settings.gateway_tls_key
    address = host or settings.gateway_host
    check_tls(cert, key, "HANGTAG_GATEWAY_TLS_CERT")
    check_exposure("gateway", address, settings, has_token=settings.gateway_token is not None)
    set_up_logs(settings)

    def crash(error: Exception) -> None:
        # Log class and place only, because the message of an unknown exception may quote an event.
        place = "".join(traceback.format_tb(error.__traceback__))
        log.error("stopping after an unexpected error; restart the process", error=type(error).__name__, at=place)
        os.kill(os.getpid(), signal.SIGTERM)

    spans = make_spans(settings, "gateway")
    emitter = make_emitter(settings, crash=crash, patience_s=settings.gateway_publish_s)
    producer = make_uploads(settings, spans=spans, emitter=emitter)
    memory = Memory(keep_s=settings.gateway_remember_s, most=settings.gateway_remember)
    ledger = ForgottenShoppers(settings.state_url.get_secret_value())
    forgotten = ForgottenUploads(memory, ledger)
    recorded = Recorded(settings) if settings.index_uploads else None
    follower = Follower(settings, memory, crash=crash, ledger=ledger, owners=forgotten, recorded=recorded)
    listener, url = listen(address, settings.gateway_port if port is None else port, "https" if cert else "http")

    @asynccontextmanager
    async def following() -> AsyncIterator[None]:
        follower.start()
        print(f"Gateway listening on {url}", flush=True)
        beside = [asyncio.create_task(forgotten.keep_dropping())]
        if recorded is not None:
            beside.append(asyncio.create_task(recorded.keep_pruning()))
        yield
        await _end(beside)
        await follower.aclose()
        await asyncio.to_thread(ledger.close)
        if recorded is not None:
            await asyncio.to_thread(recorded.close)
        await asyncio.to_thread(spans.close)

    config = GatewayConfig(
        token=settings.gateway_token,
        photo_max_bytes=settings.photo_max_bytes,
        in_flight=settings.gateway_in_flight,
        streams=settings.gateway_streams,
        remember_s=settings.gateway_remember_s,
        allow_email=allow_email or settings.gateway_allow_email,
        publish_s=settings.gateway_publish_s,
    )
    app = create_app(
        config,
        producer,
        memory,
        # The index suffices to start: it has all earlier uploads, and the state database has the published keys.
        ready=lambda: follower.caught_up or follower.indexed,
        is_whole=lambda: follower.caught_up,
        beside=following,
        forgotten=forgotten,
        recorded=recorded,
    )
    serve_http(app, listener, cert=cert, key=key, drain_s=settings.drain_s, on_stop=memory.close)


async def _end(tasks: list[Any]) -> None:
    """Cancel tasks and wait for them. A thread that they started may still finish its batch."""
    import asyncio

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
