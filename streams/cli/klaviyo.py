"""`hangtag klaviyo`: a local Klaviyo to work against."""

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def klaviyo() -> None:
    """Work with Klaviyo, or with the local one."""


@app.command()
def sandbox(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(4011, min=0, max=65535, help="Port to listen on; 0 picks a free one."),
    key: str = typer.Option("pk_sandbox", help="The one private key it takes."),
    speed: float = typer.Option(1.0, min=0.001, help="Factor on Klaviyo's published rate limits."),
) -> None:
    """
    Run a local, stateful Klaviyo that refuses what Klaviyo refuses; all is forgotten on exit.

    Its page at / shows profiles and events, /sandbox/state the same as JSON; POST /sandbox/faults orders failures.
    """
    import asyncio

    from klaviyo_sink.sandbox.app import create_app
    from klaviyo_sink.sandbox.server import listen, make_server, url_of

    try:
        listening = listen(host, port)
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    server = make_server(create_app(key, speed=speed))

    async def serve() -> None:
        # Connections wait in the socket's queue from here on, so the line is true when it is read.
        print(f"Klaviyo sandbox ready on {url_of(listening)}", flush=True)
        await server.serve(sockets=[listening])

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        # Uvicorn has shut down in order, then passed the signal on.
        raise typer.Exit(0) from None
