"""Connects the lexicon's interests with the style profiles, because rules and sink do not know each other."""

from collections.abc import Sequence
from datetime import datetime

from klaviyo_sink.profile.style import Contribution
from klaviyo_sink.profile.wording import InterestsOf
from rules.lexicon.interests import Interest, Upload, interests_of
from schemas.events import Labels


def interests_held(interests: Sequence[Interest], *, seen: bool = True) -> InterestsOf:
    """
    Return the function that the sink calls for each changed style profile, thousands of times per second.

    Tags seen in the picture count like tags read from its text, unless `seen` is false.
    """

    def tags_of(upload: Contribution) -> tuple[str, ...]:
        return upload.every if seen else upload.tags

    counting: dict[str, set[int]] = {}
    for at, interest in enumerate(interests):
        for tag in interest.counted():
            counting.setdefault(tag, set()).add(at)

    def held(uploads: Sequence[Contribution], as_of: datetime, /) -> dict[str, Labels]:
        # Most uploads touch few interests. Only interests that enough uploads touch are computed in full.
        touched: dict[int, int] = {}
        for one in uploads:
            for at in {at for tag in tags_of(one) for at in counting.get(tag, ())}:
                touched[at] = touched.get(at, 0) + 1
        likely = [interests[at] for at, count in touched.items() if count >= interests[at].uploads]
        if not likely:
            return {}
        # A phone's clock may be ahead. Its uploads count as new, not as from the future.
        history = [Upload(one.upload_id, min(one.uploaded_at, as_of), frozenset(tags_of(one))) for one in uploads]
        return {one.id: one.labels for one in interests_of(likely, history, as_of)}

    return held
