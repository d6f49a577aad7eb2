"""
Builds dead letters: the original message, unchanged, plus headers with the reason.

Pure: builds and reads headers, and decides when there are too many. Header names follow Kafka Connect's
DeadLetterQueueReporter (KIP-298), so that existing tools can read them.
"""

from collections import deque

from schemas.codec import Headers
from schemas.events import DeadLetter

_CONNECT = "__connect.errors."
_FIELDS = {
    "topic": f"{_CONNECT}topic",
    "partition": f"{_CONNECT}partition",
    "offset": f"{_CONNECT}offset",
    "stage": f"{_CONNECT}stage",
    "exception_class": f"{_CONNECT}exception.class.name",
    "message": f"{_CONNECT}exception.message",
    "reason": "hangtag.reason",
    "attempts": "hangtag.attempts",
}
#: Header of a mark in a dead-letter topic: the place of a letter that was replayed.
REPLAYED = "hangtag.replayed"
#: Header of a letter whose value was too large for the dead-letter topic. The letter has the place of the message.
VALUE_LEFT_OUT = "hangtag.value-left-out"
_OURS = frozenset(_FIELDS.values())
#: Headers that only Hangtag writes. On an outside message they would hide a letter, or prevent its replay.
_MARKS = frozenset({REPLAYED, VALUE_LEFT_OUT})
#: Most characters of a letter's message, and most bytes of the key of a letter without its value.
LONGEST_MESSAGE, LONGEST_KEY = 2000, 1024
#: Most digits of a count of attempts; Hangtag does not write more.
_MOST_DIGITS = 9


def letter_headers(original: Headers, letter: DeadLetter) -> Headers:
    """Return the original headers plus the facts of a dead letter, which replace those of an earlier one."""
    kept = [(name, value) for name, value in writable_headers(original) if name not in _OURS | _MARKS]
    return kept + [(name, str(getattr(letter, field)).encode()) for field, name in _FIELDS.items()]


def without_value(headers: Headers) -> Headers:
    """Return only the facts of a letter's headers, plus a mark that the message's value is missing."""
    return [(name, value) for name, value in headers if name in _OURS] + [(VALUE_LEFT_OUT, b"")]


def lacks_value(headers: Headers) -> bool:
    """Return whether a letter lacks the value, so that it cannot be replayed."""
    return any(name == VALUE_LEFT_OUT for name, _ in headers)


def writable_headers(headers: Headers) -> Headers:
    """Escape header names that no client library can write: librdkafka's binding crashes on lone surrogates."""
    return [(name if name.isprintable() else writable(name), value) for name, value in headers]


def writable(text: str) -> str:
    """Escape what is not valid text, as Python does: bytes that are not UTF-8, lone surrogates, and NUL."""
    try:
        # A reader keeps such bytes as lone surrogates (PEP 383).
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def original_headers(headers: Headers) -> Headers:
    """Return the headers without the facts of a dead letter."""
    return [(name, value) for name, value in headers if name not in _OURS]


def read_letter(headers: Headers) -> DeadLetter | None:
    """Parse why a message failed; None if the headers do not say, or not completely."""
    found = {name: value for name, value in headers if name in _OURS and value is not None}
    if len(found) < len(_OURS):
        return None
    facts = {field: found[name].decode("utf-8", "replace") for field, name in _FIELDS.items()}
    try:
        return DeadLetter.model_validate(facts)
    except ValueError:
        return None


def earlier_attempts(headers: Headers) -> int:
    """Return the attempts of a replayed message before its replay, from its `hangtag.attempts` header."""
    for name, value in headers:
        if name == _FIELDS["attempts"] and value is not None and value.isdigit() and len(value) <= _MOST_DIGITS:
            return int(value)
    return 0


class HaltLimit:
    """
    Decides when so many events fail that the cause must be ours: a bad deploy should halt, not drain the topic.

    Two limits, after getsentry/arroyo's DlqLimit: too many in a row, or too large a share of the last `window` events
    (applied only when that many were seen).
    """

    def __init__(self, *, in_a_row: int, share: float, window: int = 2000) -> None:
        """Create it without events."""
        self._in_a_row_limit, self._share_limit = in_a_row, share
        self._in_a_row = 0
        self._dead = 0
        self._seen: deque[bool] = deque(maxlen=window)

    def passes(self, *, dead: bool) -> bool:
        """Count one finished event. Return False if a limit is reached and the stage must halt."""
        self._in_a_row = self._in_a_row + 1 if dead else 0
        if len(self._seen) == self._seen.maxlen:
            self._dead -= self._seen[0]
        self._seen.append(dead)
        self._dead += dead
        full = len(self._seen) == self._seen.maxlen
        return self._in_a_row < self._in_a_row_limit and not (
            full and self._dead >= self._share_limit * len(self._seen)
        )
