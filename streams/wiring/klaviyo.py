"""Builds the sink, its configuration and a bare Klaviyo client from settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from schemas.spans import NO_SPANS, Spans
from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from klaviyo_sink.api.client import KlaviyoClient
    from klaviyo_sink.api.oauth import TokenFile
    from klaviyo_sink.config import SinkConfig
    from klaviyo_sink.dry_run import DryRun
    from klaviyo_sink.profile.interests import Interests
    from klaviyo_sink.sink import Sink


async def make_sink(settings: Settings, *, dry_run: DryRun | None = None, spans: Spans = NO_SPANS) -> Sink:
    """
    Open the style profiles and the client for Klaviyo.

    Raises:
        UnusableError: The lexicon has mistakes, or the state database cannot be opened.

    """
    from klaviyo_sink.sink import open_sink
    from klaviyo_sink.state.database import StateUnavailableError
    from streams.wiring import klaviyo_metrics

    config = replace(make_sink_config(settings), interests=make_interests(settings), spans=spans)
    try:
        sink = await open_sink(config, dry_run=dry_run)
    except StateUnavailableError as error:
        raise UnusableError(f"HANGTAG_STATE_URL: {error}") from None
    klaviyo_metrics.watch(sink.status)
    return sink


def make_interests(settings: Settings) -> Interests:
    """
    Connect the lexicon's interests with the style profiles. Read once: to change them, restart the sync stage.

    Raises:
        UnusableError: The lexicon has mistakes.

    """
    from rules.lexicon.load import load_lexicon
    from rules.lexicon.problems import LexiconError
    from streams.wiring.interests import interests_held

    try:
        return interests_held(load_lexicon(settings.lexicon).interests, seen=settings.klaviyo_seen != "off")
    except LexiconError as error:
        raise UnusableError(f"HANGTAG_LEXICON: {error.brief()}") from None


def make_klaviyo(settings: Settings) -> KlaviyoClient:
    """Create a client for Klaviyo, without the style profiles."""
    from klaviyo_sink.access import open_client

    return open_client(make_sink_config(settings))


def make_sink_config(settings: Settings) -> SinkConfig:
    """
    Build the sink's configuration.

    Raises:
        UnusableError: A Klaviyo setting is not valid.

    """
    from klaviyo_sink.config import SinkConfig
    from klaviyo_sink.profile.naming import PropertyNames
    from klaviyo_sink.profile.recency import Recency

    try:
        return SinkConfig(
            url=settings.klaviyo_url,
            key=settings.klaviyo_key,
            revision=settings.klaviyo_revision,
            metric=settings.klaviyo_metric,
            timeout_s=settings.klaviyo_timeout_s,
            state_url=settings.state_url.get_secret_value(),
            names=PropertyNames(
                prefix=settings.klaviyo_property_prefix,
                aliases=settings.klaviyo_aliases,
                labels=settings.klaviyo_labels,
                categories=settings.klaviyo_categories,
                seen=settings.klaviyo_seen,
            ),
            recency=Recency(timedelta(days=settings.profile_half_life_days)),
            tokens=make_token_file(settings),
        )
    except ValueError as error:
        raise UnusableError(str(error)) from None


def make_token_file(settings: Settings) -> TokenFile | None:
    """
    Return the file of OAuth tokens, if settings name one.

    Raises:
        ValueError: The app that they belong to is not set.

    """
    from klaviyo_sink.api.oauth import TokenFile, token_url

    if settings.klaviyo_tokens_file is None:
        return None
    if settings.klaviyo_client_id is None or settings.klaviyo_client_secret is None:
        raise UnusableError(
            "OAuth tokens need their app: set HANGTAG_KLAVIYO_CLIENT_ID and HANGTAG_KLAVIYO_CLIENT_SECRET too"
        )
    return TokenFile(
        settings.klaviyo_tokens_file,
        settings.klaviyo_client_id,
        settings.klaviyo_client_secret,
        token_url(settings.klaviyo_url),
    )
