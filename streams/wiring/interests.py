"""Gives the lexicon's interests to the sink, because rules and sink do not know each other."""

from collections.abc import Iterable
from datetime import timedelta

from klaviyo_sink.profile.interests import Interest, Interests
from rules.lexicon import interests as lexicon
from schemas.events import Labels


def interests_held(interests: Iterable[lexicon.Interest], *, seen: bool = True) -> Interests:
    """
    Return the interests as the sink counts them.

    Tags seen in the picture count like tags read from its text, unless `seen` is false.
    """
    return Interests(
        [
            Interest(
                one.id,
                Labels(en=one.en, zh=one.zh),
                tuple(map(frozenset, one.tags)),
                one.uploads,
                timedelta(days=one.days),
            )
            for one in interests
        ],
        seen=seen,
    )
