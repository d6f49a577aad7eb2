"""Brings the lexicon's interests to the style profiles: neither the rules nor the sink knows the other."""

from collections.abc import Sequence
from datetime import datetime

from klaviyo_sink.profile.style import Contribution
from klaviyo_sink.profile.wording import InterestsOf
from rules.lexicon.interests import Interest, Upload, interests_of
from schemas.events import Labels


def interests_held(interests: Sequence[Interest], *, seen: bool = True) -> InterestsOf:
    """
    Make the function that the sink calls for each shopper whose style profile changes, thousands a second.

    Tags that only pictures show count as those that were read, unless `seen` is false.
    """

    def tags_of(upload: Contribution) -> tuple[str, ...]:
        return upload.every if seen else upload.tags

    counting: dict[str, set[int]] = {}
    for at, interest in enumerate(interests):
        for tag in interest.counted():
            counting.setdefault(tag, set()).add(at)

    def held(uploads: Sequence[Contribution], as_of: datetime, /) -> dict[str, Labels]:
        # Most uploads touch few interests: only those that enough uploads touch are looked at in full.
        touched: dict[int, int] = {}
        for one in uploads:
            for at in {at for tag in tags_of(one) for at in counting.get(tag, ())}:
                touched[at] = touched.get(at, 0) + 1
        likely = [interests[at] for at, count in touched.items() if count >= interests[at].uploads]
        if not likely:
            return {}
        # A phone's clock may run ahead: its uploads are as new as any, not from the future.
        history = [Upload(one.upload_id, min(one.uploaded_at, as_of), frozenset(tags_of(one))) for one in uploads]
        return {one.id: one.labels for one in interests_of(likely, history, as_of)}

    return held
