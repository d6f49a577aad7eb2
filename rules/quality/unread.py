"""
Finds what the lexicon does not know yet: lines of many shoppers without a tag; and how much it covers.

Pure. Processes texts one by one with bounded memory, and keeps no line as it was written: names, e-mail addresses and
numbers are masked first.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from hashlib import blake2b
from typing import NamedTuple

from rules.lexicon.languages import Language
from rules.tagger import Tagging
from rules.text.normalize import CJK, normal_words

#: A line must come from this many shoppers to be shown: one from fewer may be about them.
LEAST_SHOPPERS = 3
#: Most lines in memory; beyond that, those of the fewest shoppers are dropped.
MOST_LINES = 50_000
#: Most shoppers counted per line.
_MOST_SHOPPERS = 1_000
#: The least similarity (0..1) of two words that count as near.
_NEAR = 0.75
_PRIVATE = re.compile(
    r"\S+@\S+|(?:https?://|www\.)\S+|\+?\d[\d ().-]{5,}\d"
    r"|(?:姓名|收件人|收货人|联系人|电话|手机|name|to|attn|tel|phone|mr|mrs|ms|herr|frau)[ .:]+[^\s,;]+(?: [^\s,;]+)?"
)
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile(f"[{CJK}]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("uk", re.compile("[іїєґ]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)
_WORD = re.compile(r"[^\W\d_]+")


class Unread(NamedTuple):
    """A line without a tag, and the number of shoppers who photographed it."""

    line: str
    shoppers: int
    language: str
    #: The entry with the most similar word, that word, and their distance: 0 is equal, 1 entirely different.
    entry: str | None
    word: str | None
    distance: float | None


class Languages:
    """Detects the language of a line by its script, or by everyday words."""

    def __init__(self, languages: Sequence[Language]) -> None:
        self._cues = {one.language: frozenset(normal_words(list(one.cues))) for one in languages if one.cues}

    def of(self, line: str) -> str:
        """Return the language of a normalized line; English if nothing indicates another."""
        script = next((name for name, letters in _SCRIPTS if letters.search(line)), None)
        if script is not None:
            return script
        words = set(_WORD.findall(line))
        shown = {name: len(words & cues) for name, cues in self._cues.items()}
        best = max(shown, key=shown.__getitem__, default="en")
        return best if shown.get(best) else "en"


class UnreadLines:
    """Collects unread lines with their shoppers."""

    def __init__(self) -> None:
        self._shoppers: dict[str, set[bytes]] = {}

    def add(self, shopper_id: str, tagging: Tagging) -> None:
        """Add one upload."""
        mark = blake2b(shopper_id.encode(), digest_size=8).digest()
        for line in set(unread_of(tagging)):
            marks = self._shoppers.setdefault(line, set())
            if len(marks) < _MOST_SHOPPERS:
                marks.add(mark)
        if len(self._shoppers) > MOST_LINES:
            kept = sorted(self._shoppers.items(), key=lambda item: -len(item[1]))[: MOST_LINES // 2]
            self._shoppers = dict(kept)

    def most(self, number: int, words: Mapping[str, str], languages: Languages) -> Iterator[Unread]:
        """Yield the lines of the most shoppers, each with the nearest word of the lexicon (`words`: word to entry)."""
        shown = [(line, len(marks)) for line, marks in self._shoppers.items() if len(marks) >= LEAST_SHOPPERS]
        for line, shoppers in sorted(shown, key=lambda item: (-item[1], item[0]))[:number]:
            near = get_close_matches(line, words, n=1, cutoff=_NEAR)
            word = near[0] if near else None
            distance = round(1 - _likeness(line, word), 2) if word is not None else None
            yield Unread(line, shoppers, languages.of(line), words[word] if word else None, word, distance)


def unread_of(tagging: Tagging) -> Iterator[str]:
    """Yield the normalized lines without a tag, masked; without lines that are only signs and figures."""
    used = {id(finding.line) for finding in tagging.findings if finding.reason is None}
    for line, text in zip(tagging.lines, tagging.normalized, strict=True):
        masked = masked_of(text).strip()
        if id(line) not in used and _WORD.search(masked.replace("…", "")):
            yield masked


def masked_of(text: str) -> str:
    """Replace names, e-mail addresses, web addresses and long numbers in a text by …."""
    return _PRIVATE.sub("…", text)


class Coverage:
    """How many of the photographed lines gave tags, by language and week."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages
        #: By language and week: uploads, uploads with a tag, lines, lines used.
        self.counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def add(self, week: str, tagging: Tagging) -> None:
        """Add one upload of a week."""
        used = {id(finding.line) for finding in tagging.findings if finding.reason is None}
        language = self._languages.of(" ".join(tagging.normalized))
        counts = self.counts[language, week]
        counts[0] += 1
        counts[1] += bool(tagging.tags)
        counts[2] += len(tagging.lines)
        counts[3] += sum(id(line) in used for line in tagging.lines)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
