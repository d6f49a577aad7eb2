"""`hangtag klaviyo`: a local Klaviyo for development, and commands for a Klaviyo account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from streams.cli.klaviyo.canary import canary
from streams.cli.klaviyo.login import login
from streams.cli.klaviyo.preview import preview
from streams.cli.klaviyo.reconcile import reconcile
from streams.cli.klaviyo.sandbox import sandbox
from streams.cli.support.boundary import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help=__doc__)
app.command()(canary)
app.command()(preview)
app.command()(login)
app.command()(reconcile)
app.command()(sandbox)


@app.callback()
def klaviyo() -> None:
    """Work with Klaviyo, or with a local one."""


@app.command()
def setup(
    campaigns: Path | None = typer.Argument(None, help="TOML file of campaigns. Default: the included example."),
    live: bool = typer.Option(False, "--live", help="Set the flows live; otherwise they stay drafts."),
    replace: bool = typer.Option(
        False, "--replace", help="Replace segments and flows that differ: create a new flow, set it live, stop the old."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the steps as JSON."),
) -> None:
    """
    Create the metric, segments and SMS flows of the campaigns where they are missing; show where they differ.

    Sets nothing live, and exits 1, while anything at Klaviyo differs from the campaigns. Safe to repeat.

    Needs a key with events:write, metrics:read, segments:read, segments:write, flows:read and flows:write. Do not give
    these scopes to the sync stage's key.
    """
    import asyncio
    import json
    from dataclasses import asdict

    from klaviyo_sink.account.campaigns import read_campaigns
    from klaviyo_sink.account.setup import Setup, SetupError, SetupStep, all_clear
    from streams.cli.klaviyo.waiting import shown
    from streams.config.settings import Settings
    from streams.wiring.klaviyo import make_klaviyo, make_sink_config

    settings = Settings()
    wanted = read_campaigns(campaigns)
    config = make_sink_config(settings)
    names = _names(settings)
    for campaign in wanted:
        for tag in set(campaign.tags) - names.keys():
            typer.echo(f"{campaign.name}: the lexicon has no tag {tag}, so nothing will trigger this flow", err=True)
    words = {} if settings.klaviyo_labels == "ids" else names

    async def run() -> list[SetupStep]:
        async with make_klaviyo(settings) as client:
            with shown(len(wanted)) as progress:
                setting = Setup(
                    client,
                    config.metric,
                    config.names,
                    live,
                    words,
                    replace=replace,
                    waiting=progress.waits,
                    progress=progress.done,
                )
                return await setting.run(wanted)

    def show(steps: Sequence[SetupStep]) -> None:
        if as_json:
            print(json.dumps([asdict(step) for step in steps], ensure_ascii=False))
            return
        for step in steps:
            print(f"{step.kind:8} {step.name}: {step.done}" + (f" ({step.detail})" if step.detail else ""))

    try:
        steps = asyncio.run(run())
    except SetupError as error:
        # Everything created before the error stays.
        show(error.steps)
        raise CommandError(f"not set up: {error}") from None
    show(steps)
    if live and not all_clear(steps):
        raise CommandError(
            "no flow was set live, because Klaviyo differs from the campaigns (see above). Change the campaign"
            " or Klaviyo, or run this again with --replace"
        )


def _names(settings: Settings) -> Mapping[str, str]:
    """Return the name of every tag and interest, in the language of profiles with words (else in English)."""
    from operator import attrgetter

    from rules.lexicon.load import load_lexicon

    lexicon = load_lexicon(settings.lexicon)
    word = attrgetter("zh" if settings.klaviyo_labels == "zh" else "en")
    return {tag: word(entry) for tag, entry in lexicon.entries.items()} | {
        interest.id: word(interest) for interest in lexicon.interests
    }
