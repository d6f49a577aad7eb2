"""
Dead letters: the original message, untouched, plus headers that say why it stopped.

Pure: builds and reads headers, and judges when too much goes dead. Header names follow Kafka
Connect's DeadLetterQueueReporter (KIP-298), so that existing tools read them.
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
#: Header of a letter whose value the dead-letter topic refused as too large. The letter says where the message lies.
VALUE_LEFT_OUT = "hangtag.value-left-out"
_OURS = frozenset(_FIELDS.values())
#: Headers that only we write: on a message from outside one would hide a letter, or keep it from being replayed.
_MARKS = frozenset({REPLAYED, VALUE_LEFT_OUT})
#: Characters of a letter's message, and bytes of the key of one without its value.
LONGEST_MESSAGE, LONGEST_KEY = 2000, 1024
#: Digits of a count of attempts. What has more is no count of ours.
_MOST_DIGITS = 9


def letter_headers(original: Headers, letter: DeadLetter) -> Headers:
    """Add the facts of a dead letter to the original headers; facts of an earlier death are replaced."""
    kept = [(name, value) for name, value in writable_headers(original) if name not in _OURS | _MARKS]
    return kept + [(name, str(getattr(letter, field)).encode()) for field, name in _FIELDS.items()]


def without_value(headers: Headers) -> Headers:
    """Reduce a letter's headers to its facts, and say that it comes without the message's value."""
    return [(name, value) for name, value in headers if name in _OURS] + [(VALUE_LEFT_OUT, b"")]


def lacks_value(headers: Headers) -> bool:
    """Tell whether the value of a letter was left out, so that it cannot be replayed."""
    return any(name == VALUE_LEFT_OUT for name, _ in headers)


def writable_headers(headers: Headers) -> Headers:
    """Escape header names that no client library can write: librdkafka's binding crashes on half a character."""
    return [(name if name.isprintable() else writable(name), value) for name, value in headers]


def writable(text: str) -> str:
    """Escape what is no character, as Python writes it: bytes that were no UTF-8, lone surrogates, and NUL."""
    try:
        # Bytes that a reader kept as lone surrogates (PEP 383).
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def original_headers(headers: Headers) -> Headers:
    """Take the facts of the dead letter off again, as before it died."""
    return [(name, value) for name, value in headers if name not in _OURS]


def read_letter(headers: Headers) -> DeadLetter | None:
    """Read why a message died; None when the headers do not say, or not in full."""
    found = {name: value for name, value in headers if name in _OURS and value is not None}
    if len(found) < len(_OURS):
        return None
    facts = {field: found[name].decode("utf-8", "replace") for field, name in _FIELDS.items()}
    try:
        return DeadLetter.model_validate(facts)
    except ValueError:
        return None


def earlier_attempts(headers: Headers) -> int:
    """Count the attempts a replayed message had before, from its `hangtag.attempts` header."""
    for name, value in headers:
        if name == _FIELDS["attempts"] and value is not None and value.isdigit() and len(value) <= _MOST_DIGITS:
            return int(value)
    return 0


class HaltLimit:
    """
    Says when so much goes dead that the fault must be ours: a bad deploy should halt, not drain the topic.

    Two limits, after getsentry/arroyo's DlqLimit: too many in a row, or too large a share of the
    last `window` events (judged only once that many were seen).
    """

    def __init__(self, *, in_a_row: int, share: float, window: int = 2000) -> None:
        """Start with nothing seen."""
        self._in_a_row_limit, self._share_limit = in_a_row, share
        self._in_a_row = 0
        self._dead = 0
        self._seen: deque[bool] = deque(maxlen=window)

    def passes(self, *, dead: bool) -> bool:
        """Count one finished event; False when a limit is reached and the stage must halt."""
        self._in_a_row = self._in_a_row + 1 if dead else 0
        if len(self._seen) == self._seen.maxlen:
            self._dead -= self._seen[0]
        self._seen.append(dead)
        self._dead += dead
        full = len(self._seen) == self._seen.maxlen
        return self._in_a_row < self._in_a_row_limit and not (
            full and self._dead >= self._share_limit * len(self._seen)
        )
