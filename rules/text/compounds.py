"""
Splits compound nouns: "midiröcke" into "midi röcke".

Pure. Splits a word only if the lexicon knows both halves and not the whole.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from rules.text.normalize import normal_words

_LONG_WORD = re.compile("[a-z]{6,}+")
#: Longest compound, in letters.
_LONGEST = 32
#: Least lengths of the two halves.
_FIRST, _LAST = 3, 3


class Compounds:
    """Splits compounds whose two halves are in these lists."""

    def __init__(self, first: Iterable[str], last: Iterable[str]) -> None:
        self._first = frozenset(normal_words(list(first)))
        self._last = frozenset(normal_words(list(last)))
        #: The ends of the last halves: a word with another ending is skipped at once.
        self._ends = frozenset(word[-_LAST:] for word in self._last)

    def splits(self, text: str, known: Collection[str]) -> Iterator[tuple[int, int, str]]:
        """Yield the compounds in a normalized text: their position, and the two words."""
        for found in _LONG_WORD.finditer(text) if self._first else ():
            word = found[0]
            if word[-_LAST:] in self._ends and len(word) <= _LONGEST and word not in known:
                cut = self._cut(word)
                if cut:
                    yield found.start(), found.end(), f"{word[:cut]} {word[cut:]}"

    def _cut(self, word: str) -> int:
        """Return where the longest last half begins; 0 if the word is no known compound."""
        for at in range(_FIRST, len(word) - _LAST + 1):
            if word[at:] in self._last and (word[:at] in self._first or self._cut(word[:at])):
                return at
        return 0
