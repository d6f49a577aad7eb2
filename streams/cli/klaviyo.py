"""`hangtag klaviyo`: a local Klaviyo to work against, and what is done to an account by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from klaviyo_sink.client import KlaviyoClient
    from streams.settings import Settings

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


@app.command()
def setup(
    campaigns: Path | None = typer.Argument(None, help="TOML file of campaigns; without one, the shipped example."),
    live: bool = typer.Option(False, "--live", help="Set the flows live; they are made as drafts."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as JSON."),
) -> None:
    """
    Create the metric, segments and SMS flows of the campaigns, where they are missing; show where they differ.

    Needs a key with events:write, metrics:read, segments:read, segments:write, flows:read and flows:write: another
    than the sync stage's.
    """
    import asyncio
    import json
    from dataclasses import asdict

    from klaviyo_sink.campaigns import CampaignsError, read_campaigns
    from klaviyo_sink.naming import DEFAULT_NAMES
    from klaviyo_sink.setup import Setup, SetupError, Step

    try:
        wanted = read_campaigns(campaigns)
    except CampaignsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None

    async def run() -> list[Step]:
        settings, client = _client()
        async with client:
            return await Setup(client, settings.klaviyo_metric, DEFAULT_NAMES, live).run(wanted)

    try:
        steps = asyncio.run(run())
    except SetupError as error:
        typer.echo(f"not set up: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps([asdict(step) for step in steps], ensure_ascii=False))
        return
    for step in steps:
        print(f"{step.kind:8} {step.name}: {step.done}" + (f" ({step.detail})" if step.detail else ""))


@app.command()
def preview(event: Path = typer.Argument(help="File with one OutfitTagged event as JSON; - for stdin.")) -> None:
    """Print the exact bodies that an OutfitTagged event would send for a new shopper. Sends nothing."""
    import json
    import sys

    from klaviyo_sink.naming import DEFAULT_NAMES
    from klaviyo_sink.profile import StyleProfile, contribution, fold, profile_properties, unique_id
    from klaviyo_sink.rows import Row
    from schemas.codec import UndecodableError, decode
    from schemas.events import OutfitTagged
    from streams.settings import Settings

    raw = sys.stdin.buffer.read() if str(event) == "-" else event.read_bytes()
    try:
        tagged = decode(OutfitTagged, raw)
    except UndecodableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    profile = fold(StyleProfile(), [contribution(tagged)])
    state = profile_properties(profile, 1, DEFAULT_NAMES)
    row = Row(tagged, unique_id(tagged), state, Settings().klaviyo_metric, tagged.backfill)
    print("POST /api/events")
    print(json.dumps(json.loads(row.single()), indent=2, ensure_ascii=False))


@app.command()
def canary(
    email: str = typer.Option(help="Address of a test profile at a real domain; test domains are dropped."),
    limit_s: float = typer.Option(600, min=1, help="Seconds until the event must be visible."),
) -> None:
    """
    Prove delivery: send one backfilled event and read it back. Exits 1 when it does not show in time.

    Needs events:read, metrics:read and profiles:read besides events:write.
    """
    import asyncio

    from klaviyo_sink.canary import Canary
    from klaviyo_sink.refusals import in_test_domain

    if in_test_domain(email):
        typer.echo("Klaviyo drops events of test domains; use another address", err=True)
        raise typer.Exit(2)

    async def run() -> str | float:
        settings, client = _client()
        async with client:
            return await Canary(client, settings.klaviyo_metric).run(email, limit_s)

    seen = asyncio.run(run())
    if isinstance(seen, str):
        typer.echo(f"canary: {seen}", err=True)
        raise typer.Exit(1)
    print(f"canary: visible after {seen:.1f} s")


def _client() -> tuple[Settings, KlaviyoClient]:
    from klaviyo_sink.client import KlaviyoClient, PrivateKey
    from streams.settings import Settings

    settings = Settings()
    key = settings.klaviyo_key
    client = KlaviyoClient(
        settings.klaviyo_url,
        None if key is None else PrivateKey(key),
        revision=settings.klaviyo_revision,
        timeout_s=settings.klaviyo_timeout_s,
    )
    return settings, client
