"""`hangtag klaviyo sandbox`: runs a local Klaviyo for development."""

from __future__ import annotations

import typer

from streams.cli.support.boundary import CommandError


def sandbox(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(4011, min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    key: list[str] = typer.Option(
        ["pk_sandbox"],
        help="A private key to accept: alone it has every scope, NAME=SCOPE,SCOPE has only those. Repeatable.",
    ),
    speed: float = typer.Option(1.0, min=0.001, help="Multiplies Klaviyo's published rate limits."),
) -> None:
    """
    Run a local Klaviyo that both official SDKs accept. It keeps its data in memory only.

    It models profiles, consent, lists, segments, events, metrics, flows as graphs, templates and jobs, with Klaviyo's
    limits, and rejects what Klaviyo rejects. For what it does not model it returns 501 with the name of what is
    missing. Any client works: set its base URL to the printed address, and its key to pk_sandbox.

    The pages at / show profiles, segments, flows, messages, jobs and limits; GET /sandbox/state returns the same as
    JSON. POST /sandbox/faults injects failures, /sandbox/consent sets or withdraws consent to texts, /sandbox/clock
    advances the clock, /sandbox/imports sets how the next import job ends. See docs/sandbox.md.
    """
    import asyncio

    from klaviyo_sink.sandbox.access.auth import read_key
    from klaviyo_sink.sandbox.app import create_app
    from klaviyo_sink.sandbox.server import listen, make_server, url_of
    from ocr_worker.http.bounded_http import bounded_http, own_policy
    from streams.cli.support.listen import check_exposure
    from streams.config.settings import Settings
    from streams.runtime.garbage import collect_seldom

    try:
        (first, scopes), *more = [read_key(one) for one in key]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--key") from None
    check_exposure("sandbox", host, Settings())
    try:
        listening = listen(host, port)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    http = bounded_http(own_policy())
    server = make_server(create_app(first, scopes=scopes, more_keys=dict(more), speed=speed), http)
    # The sandbox keeps everything that it receives. 200,000 objects are some four full jobs.
    collect_seldom(200_000)

    async def serve() -> None:
        # From here on connections wait in the socket's queue, so the printed line is true.
        print(f"Klaviyo sandbox ready on {url_of(listening)}", flush=True)
        await server.serve(sockets=[listening])

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        # Uvicorn raises the signal again after its shutdown.
        raise typer.Exit(0) from None
