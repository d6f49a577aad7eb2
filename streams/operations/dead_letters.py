"""
What lies in the dead-letter topics, and putting it back.

A dead-letter topic is a log of letters and of marks. A mark says "the letter at this place was
replayed", so that any selection of letters can be replayed, interrupted and repeated, while new
letters arrive: a letter is open until its mark is there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from schemas.codec import Headers
from schemas.emitter import Emitter
from schemas.events import DeadLetter
from schemas.outcomes import Later, Never
from schemas.topics import dlq_name, topics
from streams.config.settings import Settings
from streams.kafka.reader import Seen, follow
from streams.runtime.dead_letters import REPLAYED, original_headers, read_letter

_ATTEMPTS = "hangtag.attempts"


class NoLettersError(ValueError):
    """A topic has no dead letters, by design."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter where it lies; `facts` is None when its headers do not say why it died."""

    seen: Seen
    facts: DeadLetter | None
    replayed: bool

    @property
    def place(self) -> str:
        """Name where it lies: `topic:partition:offset`."""
        return self.seen.place


def dlq_topics(settings: Settings, short: str | None = None) -> list[str]:
    """Name the dead-letter topics, or the one of a consumed topic: uploads, texts, tags, or any by its full name."""
    names = [topic.name for topic in topics(settings.topic_prefix).all() if topic.event is None]
    if settings.notifications_topic is not None:
        names.append(dlq_name(settings.notifications_topic))
    if short is None:
        return names
    topic = short.removesuffix(dlq_name(""))
    wanted = [name for name in (dlq_name(topic), dlq_name(f"{settings.topic_prefix}.{topic}")) if name in names]
    if not wanted:
        raise NoLettersError(f"no dead letters are kept for {short}: choose uploads, texts or tags")
    return wanted[:1]


def letters(
    settings: Settings, *, topic: str | None = None, reason: str | None = None, since: float | None = None
) -> list[Letter]:
    """
    Read the letters, oldest first.

    Raises:
        ValueError: no such topic.
        UnreadableTopicError: a topic is missing, or no broker answered.

    """
    found: dict[str, Seen] = {}
    marked = set()
    for seen in follow(settings, dlq_topics(settings, topic), since=since):
        mark = place_replayed(seen)
        if mark is None:
            found[seen.place] = seen
        else:
            marked.add(mark)
    read = [Letter(seen, read_letter(seen.headers), place in marked) for place, seen in found.items()]
    chosen = [letter for letter in read if reason is None or (letter.facts and letter.facts.reason == reason)]
    return sorted(chosen, key=lambda letter: letter.seen.timestamp)


async def replay(
    chosen: Iterable[Letter], emitter: Emitter, *, tell: Callable[[Letter], None] = lambda _letter: None
) -> Later | Never | None:
    """
    Put letters back on the topic they came from: key, value and headers as they were, attempts counted on.

    Marks each after it was delivered. Interrupted between the two, one letter may be replayed
    twice, which has no second effect. Stops at the first that Kafka does not take, and says why.
    """
    for letter in chosen:
        facts, seen = letter.facts, letter.seen
        if facts is None:
            continue
        headers = [*original_headers(seen.headers), (_ATTEMPTS, str(facts.attempts).encode())]
        refused = await emitter.send(facts.topic, key=seen.key, value=seen.value, headers=headers)
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
