"""Loads the lexicon and builds the tagger, once or reloading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.config.settings import Settings, UnusableError
from streams.telemetry import metrics

if TYPE_CHECKING:
    from rules.tagger import Tagger
    from streams.wiring.live_tagger import LiveTagger


def make_tagger(settings: Settings) -> Tagger:
    """
    Load the lexicon and build the tagger.

    Raises:
        UnusableError: The lexicon has mistakes.

    """
    return make_live_tagger(settings).current


def make_live_tagger(settings: Settings) -> LiveTagger:
    """Build a tagger that reloads its lexicon when it changes. Raises as `make_tagger`."""
    from rules.lexicon.problems import LexiconError
    from streams.wiring.live_tagger import LiveTagger

    try:
        live = LiveTagger(settings.lexicon)
    except LexiconError as error:
        raise UnusableError(f"HANGTAG_LEXICON: {error.brief()}") from None
    metrics.LEXICON.watch(lambda: {(live.current.lexicon.version,): 1})
    return live
