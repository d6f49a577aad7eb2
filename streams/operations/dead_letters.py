"""
Reads the dead-letter topics, and replays letters.

A dead-letter topic contains letters and marks. A mark says "the letter at this place was replayed". A letter is open
until its mark exists. So any selection of letters can be replayed, interrupted and repeated, while new letters arrive.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from schemas.codec import Headers
from schemas.emitter import Emitter
from schemas.events import DeadLetter
from schemas.outcomes import Later, Never
from schemas.topics import dlq_name, topics
from streams.config.settings import Settings
from streams.kafka.backwards import backwards
from streams.kafka.places import read_places
from streams.kafka.reader import Seen, follow
from streams.kafka.within import Within
from streams.runtime.dead_letters import (
    REPLAYED,
    lacks_value,
    original_headers,
    read_letter,
    writable_headers,
)

_ATTEMPTS = "hangtag.attempts"
#: Text fields of a letter, of which this many characters are kept for display.
_TEXTS, _SHOWN = ("topic", "stage", "exception_class", "message", "reason"), 2000


class NoLettersError(ValueError):
    """The topic has no dead letters, by design."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter and its place; `facts` is None if its headers do not say why it failed."""

    seen: Seen
    facts: DeadLetter | None
    replayed: bool
    #: Whether it has its value, and its headers name the topic to which these dead letters belong.
    replayable: bool

    @property
    def place(self) -> str:
        """Its place: `topic:partition:offset`."""
        return self.seen.place


def dlq_topics(settings: Settings, short: str | None = None) -> list[str]:
    """Return all dead-letter topics, or that of one consumed topic: uploads, texts, tags, or any by its full name."""
    names = [topic.name for topic in topics(settings.topic_prefix).all() if topic.event is None]
    if settings.notifications_topic is not None:
        names.append(dlq_name(settings.notifications_topic))
    if settings.rekey_topic is not None:
        names.append(dlq_name(settings.rekey_topic))
    if short is None:
        return names
    topic = short.removesuffix(dlq_name(""))
    wanted = [name for name in (dlq_name(topic), dlq_name(f"{settings.topic_prefix}.{topic}")) if name in names]
    if not wanted:
        raise NoLettersError(f"{short} has no dead letters: choose uploads, texts or tags")
    return wanted[:1]


def newest_letters(
    settings: Settings,
    *,
    topic: str | None = None,
    reason: str | None = None,
    since: float | None = None,
    is_wanted: Callable[[Seen], bool] = lambda _seen: True,
    marked: set[str] | None = None,
) -> Iterator[Letter]:
    """
    Read the letters, newest first, without values and headers.

    A mark comes after its letter. So a reader who goes backwards knows at each letter whether it was replayed, and may
    stop there. Memory holds the marks whose letters are not read yet.

    Args:
        settings: Address of Kafka.
        topic: Only letters of this topic: uploads, texts, tags, or any by its full name.
        reason: Only letters with this reason.
        since: Only letters since then, seconds since the epoch.
        is_wanted: Only letters for which this returns true.
        marked: Gets the places of the marks, and loses each with its letter. At the end it contains marks that were
            read after their letters: without a key, letter and mark may be on partitions whose clocks differ.

    Raises:
        NoLettersError: There is no such topic.
        UnreadableTopicError: A topic is missing, or no broker responds.

    """
    marked = set() if marked is None else marked

    def take(seen: Seen) -> tuple[str, Letter | None]:
        """Return the place of a letter and the letter, if it is wanted; of a mark, its letter's place marked by `*`."""
        mark = place_replayed(seen)
        if mark is not None:
            return f"*{mark}", None
        letter = letter_of(seen)
        has_reason = reason is None or (letter.facts is not None and letter.facts.reason == reason)
        return letter.place, _light(letter) if has_reason and is_wanted(seen) else None

    for place, letter in backwards(settings, dlq_topics(settings, topic), take, since=since):
        if place.startswith("*"):
            marked.add(place[1:])
            continue
        if letter is not None:
            yield replace(letter, replayed=place in marked)
        marked.discard(place)


def oldest_open(
    settings: Settings,
    *,
    limit: int | None = None,
    topic: str | None = None,
    reason: str | None = None,
    since: float | None = None,
    is_wanted: Callable[[Seen], bool] = lambda _seen: True,
) -> tuple[list[Letter], int]:
    """
    Return the oldest open letters that can be replayed, at most `limit`, and the number of those that cannot.

    A letter that fails again becomes the newest one. So whoever replays the oldest ones again and again reaches all.
    It reads every letter, because the mark of an old letter may be among the newest messages; memory holds `limit`
    letters. Arguments and errors as `newest_letters`.
    """
    marked: set[str] = set()
    kept: deque[Letter] = deque(maxlen=limit)
    stuck = 0
    for letter in newest_letters(settings, topic=topic, reason=reason, since=since, is_wanted=is_wanted, marked=marked):
        if letter.replayed or letter.facts is None:
            continue
        if letter.replayable:
            kept.append(letter)
        else:
            stuck += 1
    return [letter for letter in reversed(kept) if letter.place not in marked], stuck


def letter_at(settings: Settings, topic: str, partition: int, offset: int) -> Letter | None:
    """
    Read the letter at a place, and the rest of its partition up to its mark; None if there is no letter.

    Raises:
        NoLettersError: There is no such topic.
        UnreadableTopicError: A topic is missing, or no broker responds.

    """
    names, found = dlq_topics(settings, topic), None
    for seen in follow(settings, names, within=Within(start=(partition, offset))):
        if found is None:
            if seen.offset != offset or place_replayed(seen) is not None:
                return None
            found = letter_of(seen)
        elif place_replayed(seen) == found.place:
            return replace(found, replayed=True)
    if found is not None and found.seen.key is None:
        # Without a key its mark may be on any partition.
        since = Within(since=found.seen.timestamp)
        marks = (place_replayed(seen) for seen in follow(settings, names, within=since))
        return replace(found, replayed=found.place in marks)
    return found


def whole(settings: Settings, chosen: Iterable[Letter]) -> Iterator[Letter]:
    """Read letters again with their values, and nothing between them; one at a time, in the order of each partition."""
    places = [(letter.seen.topic, letter.seen.partition, letter.seen.offset) for letter in chosen]
    return (letter_of(seen) for seen in read_places(settings, places))


def letter_of(seen: Seen) -> Letter:
    """Parse a letter. Decisions do not rely on its headers alone, because anybody may have sent them."""
    facts = read_letter(seen.headers)
    replayable = facts is not None and facts.topic == home(seen) and not lacks_value(seen.headers)
    return Letter(seen, facts, replayed=False, replayable=replayable)


def home(seen: Seen) -> str:
    """Return the topic whose dead letters these are: the only topic that a letter may be replayed to."""
    return seen.topic.removesuffix(dlq_name(""))


async def replay(
    chosen: Iterable[Letter], emitter: Emitter, *, tell: Callable[[Letter], None] = lambda _letter: None
) -> Later | Never | None:
    """
    Publish letters on the topic whose dead letters they are, with their key, value and headers; attempts count on.

    Marks each letter after its delivery. If interrupted between the two, one letter may be replayed twice, which has no
    second effect. Stops at the first that Kafka rejects, and returns why.
    """
    for letter in chosen:
        facts, seen = letter.facts, letter.seen
        if facts is None or not letter.replayable:
            continue
        headers = [*writable_headers(original_headers(seen.headers)), (_ATTEMPTS, str(facts.attempts).encode())]
        refused = await emitter.send(home(seen), key=seen.key, value=seen.value, headers=headers)
        if refused is None:
            mark: Headers = [(REPLAYED, letter.place.encode())]
            refused = await emitter.send(seen.topic, key=seen.key, value=None, headers=mark)
        if refused is not None:
            return refused
        tell(letter)
    return None


def place_replayed(seen: Seen) -> str | None:
    """Return the place of the letter that a mark is about; None if the message is not a mark."""
    if seen.value is None and read_letter(seen.headers) is None:
        for name, value in seen.headers:
            if name == REPLAYED and value is not None:
                return value.decode("utf-8", "replace")
    return None


def _light(letter: Letter) -> Letter:
    facts = letter.facts
    if facts is not None:
        # A letter from an unknown sender may have a megabyte there.
        facts = facts.model_copy(update={name: getattr(facts, name)[:_SHOWN] for name in _TEXTS})
    return replace(letter, seen=replace(letter.seen, key=None, value=None, headers=[]), facts=facts)
