"""Builds the looker: the lexicon's values become the closed list of values that a look may return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.config.settings import Settings, UnusableError

if TYPE_CHECKING:
    from ocr_worker.look.catalogue import Catalogue
    from ocr_worker.look.looker import AnyLooker
    from rules.lexicon.load import Lexicon


def make_looker(settings: Settings) -> AnyLooker | None:
    """
    Return the looker; None if the settings select none, and then its libraries are not loaded.

    Raises:
        UnusableError: The lexicon has mistakes.

    """
    if settings.look_url is None:
        if not settings.look_colour:
            return None
        from ocr_worker.look.main_colour import MainColourLooker

        return MainColourLooker()
    from ocr_worker.look.model import LookConfig, ModelLooker

    config = LookConfig(settings.look_url, settings.look_model, settings.look_key, settings.look_timeout_s)
    return ModelLooker(config, catalogue_in(settings))


def catalogue_in(settings: Settings) -> Catalogue:
    """
    Return the closed list of the configured lexicon.

    Raises:
        UnusableError: The lexicon has mistakes.

    """
    from rules.lexicon.load import load_lexicon
    from rules.lexicon.problems import LexiconError

    try:
        lexicon = load_lexicon(settings.lexicon)
    except LexiconError as error:
        raise UnusableError(f"HANGTAG_LEXICON: {error.brief()}") from None
    return catalogue_of(lexicon)


def catalogue_of(lexicon: Lexicon) -> Catalogue:
    """Return the closed list: each aspect with the lexicon's values for it. Omits aspects without values."""
    from ocr_worker.look.catalogue import Aspect, Catalogue, Value
    from rules.lexicon.aspects import values_of

    entries = lexicon.entries.values()
    aspects = (
        Aspect(
            one.name,
            one.of,
            {entry.value: Value(entry.id, str(entry.description)) for entry in values_of(one.name, entries)},
        )
        for one in lexicon.aspects
    )
    return Catalogue(tuple(aspect for aspect in aspects if aspect.values))
