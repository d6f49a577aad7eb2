"""
What lies in the dead-letter topics, and putting it back.

A dead-letter topic is a log of letters and of marks. A mark says "the letter at this place was
replayed", so that any selection of letters can be replayed, interrupted and repeated, while new
letters arrive: a letter is open until its mark is there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from schemas.codec import Headers
from schemas.emitter import Emitter
from schemas.events import DeadLetter
from schemas.outcomes import Later, Never
from schemas.topics import dlq_name, topics
from streams.config.settings import Settings
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
#: Facts that are text, and so many characters of each are kept to be shown.
_TEXTS, _SHOWN = ("topic", "stage", "exception_class", "message", "reason"), 2000


class NoLettersError(ValueError):
    """A topic has no dead letters, by design."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter where it lies; `facts` is None when its headers do not say why it died."""

    seen: Seen
    facts: DeadLetter | None
    replayed: bool
    #: It has its value, and its headers name the topic whose dead letters these are.
    replayable: bool

    @property
    def place(self) -> str:
        """Name where it lies: `topic:partition:offset`."""
        return self.seen.place


def dlq_topics(settings: Settings, short: str | None = None) -> list[str]:
    """Name the dead-letter topics, or the one of a consumed topic: uploads, texts, tags, or any by its full name."""
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
        raise NoLettersError(f"no dead letters are kept for {short}: choose uploads, texts or tags")
    return wanted[:1]


def letters(
    settings: Settings,
    *,
    topic: str | None = None,
    reason: str | None = None,
    since: float | None = None,
    is_wanted: Callable[[Seen], bool] = lambda _seen: True,
    values: bool = True,
) -> list[Letter]:
    """
    Read the letters, oldest first.

    Args:
        settings: Where Kafka is.
        topic: Only letters of this topic: uploads, texts, tags, or any by its full name.
        reason: Only letters with this reason.
        since: Only letters from here on, seconds since the epoch.
        is_wanted: Only letters for which this is true.
        values: Keep values and headers. Without them memory holds some hundred bytes for each letter that is chosen.

    Raises:
        NoLettersError: no such topic.
        UnreadableTopicError: a topic is missing, or no broker answered.

    """
    found: dict[str, Letter] = {}
    marked: set[str] = set()
    for seen in follow(settings, dlq_topics(settings, topic), since=since):
        mark = place_replayed(seen)
        if mark is not None:
            marked.add(mark)
            continue
        letter = letter_of(seen)
        if (reason is None or (letter.facts and letter.facts.reason == reason)) and is_wanted(seen):
            found[letter.place] = letter if values else _light(letter)
    read = [replace(letter, replayed=place in marked) for place, letter in found.items()]
    return sorted(read, key=lambda letter: letter.seen.timestamp)


def letter_at(settings: Settings, topic: str, partition: int, offset: int) -> Letter | None:
    """
    Read the letter at a place, and the rest of its partition up to the mark of its replay; None if none is there.

    Raises:
        NoLettersError: no such topic.
        UnreadableTopicError: a topic is missing, or no broker answered.

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
        # Without a key its mark may lie on any partition.
        since = Within(since=found.seen.timestamp)
        marks = (place_replayed(seen) for seen in follow(settings, names, within=since))
        return replace(found, replayed=found.place in marks)
    return found


def whole(settings: Settings, chosen: Iterable[Letter]) -> Iterator[Letter]:
    """Read letters again with their values, one at a time, in the order in which each partition has them."""
    places = {letter.place for letter in chosen}
    names = sorted({place.partition(":")[0] for place in places})
    for seen in follow(settings, names) if names else ():
        if seen.place in places:
            yield letter_of(seen)


def letter_of(seen: Seen) -> Letter:
    """Read a letter. What its headers say is not believed where it decides: anybody may have sent them."""
    facts = read_letter(seen.headers)
    replayable = facts is not None and facts.topic == home(seen) and not lacks_value(seen.headers)
    return Letter(seen, facts, replayed=False, replayable=replayable)


def home(seen: Seen) -> str:
    """Name the topic whose dead letters these are, the only one that a letter may go back to."""
    return seen.topic.removesuffix(dlq_name(""))


async def replay(
    chosen: Iterable[Letter], emitter: Emitter, *, tell: Callable[[Letter], None] = lambda _letter: None
) -> Later | Never | None:
    """
    Put letters back on the topic whose dead letters they are: key, value and headers as they were, attempts counted on.

    Marks each after it was delivered. Interrupted between the two, one letter may be replayed
    twice, which has no second effect. Stops at the first that Kafka does not take, and says why.
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
    """Give the place of the letter that this mark says was replayed; None when it is no mark."""
    if seen.value is None and read_letter(seen.headers) is None:
        for name, value in seen.headers:
            if name == REPLAYED and value is not None:
                return value.decode("utf-8", "replace")
    return None


def _light(letter: Letter) -> Letter:
    facts = letter.facts
    if facts is not None:
        # A stranger's letter may hold a megabyte there.
        facts = facts.model_copy(update={name: getattr(facts, name)[:_SHOWN] for name in _TEXTS})
    return replace(letter, seen=replace(letter.seen, key=None, value=None, headers=[]), facts=facts)
