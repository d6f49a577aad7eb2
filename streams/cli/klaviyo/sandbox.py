"""`hangtag klaviyo sandbox`: a local Klaviyo to work against."""

from __future__ import annotations

import typer

from streams.cli.support.boundary import CommandError


def sandbox(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(4011, min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    key: list[str] = typer.Option(
        ["pk_sandbox"],
        help="A private key it takes, with every scope, or NAME=SCOPE,SCOPE with only those. May be repeated.",
    ),
    speed: float = typer.Option(1.0, min=0.001, help="Factor on Klaviyo's published rate limits."),
) -> None:
    """
    Run a local Klaviyo that both official SDKs accept; all is forgotten on exit.

    It models profiles, consent, lists, segments, events, metrics, flows as graphs, templates and jobs, at Klaviyo's
    limits, and refuses what Klaviyo refuses. What it does not model it answers with 501 and the name of what is
    missing. Any client works: set its base URL to the address printed, and its key to pk_sandbox.

    The pages at / show profiles, segments, flows, messages, jobs and limits; GET /sandbox/state gives the same as
    JSON. POST /sandbox/faults orders failures, /sandbox/consent lets people agree to texts or withdraw,
    /sandbox/clock turns time ahead, /sandbox/imports decides how the next import job ends. See docs/sandbox.md.
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
    # What it is sent stays: some four full jobs in a row.
    collect_seldom(200_000)

    async def serve() -> None:
        # Connections wait in the socket's queue from here on, so the line is true when it is read.
        print(f"Klaviyo sandbox ready on {url_of(listening)}", flush=True)
        await server.serve(sockets=[listening])

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        # Uvicorn has shut down in order, then passed the signal on.
        raise typer.Exit(0) from None
