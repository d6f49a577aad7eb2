"""Reconciles Klaviyo's profiles and the state database from the tags topic."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from klaviyo_sink.account.reconcile import Reconciling, Report
from klaviyo_sink.account.steps import Calls
from klaviyo_sink.dry_run import DryRun
from schemas.codec import UndecodableError, decode
from schemas.events import OutfitTagged
from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.reader import follow
from streams.wiring.klaviyo import make_klaviyo, make_sink, make_sink_config


async def reconcile(settings: Settings, *, dry_run: bool) -> AsyncIterator[Report]:
    """
    Reconcile all uploads that the tags topic keeps; yields the report as it grows.

    Raises:
        UnusableError: The state database cannot be opened, or the lexicon has mistakes.
        UnreadableTopicError: The topic is missing, or no broker responds.
        SetupError: Klaviyo rejected a read, or did not respond.

    """
    # A dry run sends and stores nothing, but reads Klaviyo.
    sink = await make_sink(settings, dry_run=DryRun(lambda _request, _body: None) if dry_run else None)
    try:
        async with make_klaviyo(settings) as client:
            reconciling = Reconciling(sink, Calls(client, asyncio.sleep), make_sink_config(settings).names.version)
            async for report in reconciling.run(lambda: _tagged(settings)):
                yield report
    finally:
        await sink.aclose()


def _tagged(settings: Settings) -> Iterator[OutfitTagged]:
    for seen in follow(settings, [topics(settings.topic_prefix).tags.name]):
        try:
            yield decode(OutfitTagged, seen.value)
        except UndecodableError:
            # The sync stage has made a dead letter of it.
            continue
