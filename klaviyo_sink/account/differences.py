"""Compares a segment or flow at Klaviyo with its campaign, and describes the differences for people. Pure."""

from collections.abc import Iterator
from typing import Any, Final

#: Fields that are not compared: ids, which Klaviyo replaces by its own, and the status, which is set live later.
_KLAVIYOS_OWN: Final = frozenset({"temporary_id", "entry_action_id", "status"})
#: Words for the parts of a definition, each by a piece of its path; the first match counts.
_MEANINGS: Final = (
    ("/message/body", "the text"),
    ("/message/name", "the message's name"),
    ("/sms_quiet_hours_enabled", "quiet hours"),
    ("/smart_sending_enabled", "Smart Sending"),
    ("/reentry_criteria", "how soon a shopper may enter again"),
    ("/trigger_filter", "the tags that an upload must have"),
    ("/triggers", "the metric that starts the flow"),
    ("/profile_filter", "whom it is for (orders, consent, last text, interests)"),
    ("/condition_groups", "whom it is for (tags, consent, orders)"),
    ("/actions", "the steps of the flow"),
)
#: Longest value in a message, in characters.
_SHOWN: Final = 60


def differences(ours: Any, theirs: Any) -> list[str]:
    """Return the differences as sentences, without duplicates. Ids that Klaviyo adds are no difference."""
    sentences: dict[str, str] = {}
    for place, mine, other in _differing(ours, theirs, ""):
        meaning = next((words for part, words in _MEANINGS if part in place), place)
        sentences.setdefault(meaning, f"{meaning}: {_shown(other)} at Klaviyo, {_shown(mine)} in the campaign")
    return list(sentences.values())


def _differing(ours: Any, theirs: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, dict):
        found = theirs if isinstance(theirs, dict) else {}
        for name, value in ours.items():
            if name not in _KLAVIYOS_OWN:
                yield from _differing(value, found.get(name), f"{place}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differing(mine, other, f"{place}/{at}")
    elif ours != theirs:
        yield place, ours, theirs


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} conditions"
    if value is None:
        return "none"
    text = " ".join(str(value).split())
    return f'"{text[:_SHOWN]}…"' if len(text) > _SHOWN else f'"{text}"'
