"""
Corrects OCR errors in Latin words if the lexicon proves them: "C0TT0N", "65% polyesler".

Pure. Changes a word only into a word of the lexicon, and only if no second word fits.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product

from rules.text.compounds import Compounds
from rules.text.normalize import Normal

#: Letters that OCR reads as digits and signs.
_LOOKALIKES = {
    "0": "o",
    "1": "li",
    "|": "li",
    "!": "li",
    "3": "e",
    "4": "a",
    "5": "s",
    "$": "s",
    "6": "bg",
    "8": "b",
    "9": "g",
}
_SIGNS = "".join(map(re.escape, _LOOKALIKES))
_TOKEN = re.compile(rf"[a-z{_SIGNS}]{{4,}}+")
#: A long word next to a percentage: the only place where letters are replaced by letters.
_PERCENT = re.compile(r"\d[\d.,]* ?%")
_AFTER = re.compile(r" ?([a-z]{5,}+)")
_BEFORE = re.compile(r"([a-z]{5,}):? ?$")
#: In a shorter word only two swapped letters are corrected ("ryaon"), because changing one letter makes another word.
_LONG = 6
_MOST_SIGNS = 4
#: How many characters left of a percentage are searched: as many as the longest fibre names have.
_LONGEST = 30


class Repair:
    """Knows the Latin words of a lexicon, and which of them are names of fibres."""

    def __init__(
        self, words: Iterable[str], fibres: Iterable[tuple[str, str]], compounds: Compounds | None = None
    ) -> None:
        """Prepare every word of the lexicon, pairs of a fibre's word and its tag id, and the halves of compounds."""
        self._compounds = compounds or Compounds((), ())
        self._known = frozenset(words)
        self._owners = {word: owner for word, owner in fibres if _AFTER.fullmatch(word)}
        self._near: dict[str, set[str]] = defaultdict(set)
        for word in self._owners:
            for short in (word, *_shortened(word)):
                self._near[short].add(word)

    def repaired(self, normal: Normal) -> Normal:
        """Return the text with misread words corrected. Their positions are added to the gaps."""
        changes = sorted(set(self._changes(normal.text)))
        if not changes:
            return normal
        pieces, gaps, at, shift = [], [], 0, 0
        old_gaps = list(normal.gaps)
        for start, stop, right in changes:
            if start < at:
                continue
            while old_gaps and old_gaps[0] <= start:
                gaps.append(old_gaps.pop(0) + shift)
            pieces += [normal.text[at:start], right]
            gaps.append(start + shift + 1)
            shift += len(right) - (stop - start)
            at = stop
        gaps += [gap + shift for gap in old_gaps]
        return Normal("".join([*pieces, normal.text[at:]]), tuple(gaps))

    def _changes(self, text: str) -> Iterator[tuple[int, int, str]]:
        for found in _TOKEN.finditer(text):
            token = found[0]
            if not token.isalpha() and not token.isdigit() and token not in self._known:
                start, stop = found.span()
                right = None if (text[start - 1] + text[stop]).strip("( )\n/,:;") else self._letters_for_signs(token)
                if right is not None:
                    yield start, stop, right
        yield from self._compounds.splits(text, self._known)
        for percent in _PERCENT.finditer(text) if "%" in text else ():
            start, stop = percent.span()
            # Most percentages have a fibre on one side only.
            follows = text[start - 1] not in "\n%"
            before = _BEFORE.search(text, max(0, start - _LONGEST), start) if follows else None
            for near in (before, _AFTER.match(text, stop)):
                right = self._nearest_fibre(near[1]) if near is not None else None
                if near is not None and right is not None:
                    yield *near.span(1), right

    def _letters_for_signs(self, token: str) -> str | None:
        if sum(sign in _LOOKALIKES for sign in token) > _MOST_SIGNS:
            return None
        readings = {"".join(letters) for letters in product(*(_LOOKALIKES.get(sign, sign) for sign in token))}
        possible = readings & self._known
        return possible.pop() if len(possible) == 1 else None

    def _nearest_fibre(self, token: str) -> str | None:
        """Return the fibre whose name differs by one letter, if there is exactly one."""
        if token in self._known:
            return None
        swapped = {token[:at] + token[at + 1] + token[at] + token[at + 2 :] for at in range(len(token) - 1)}
        near = {word for word in swapped if word in self._owners}
        near = near or {
            word
            for spelling in {token, token.replace("rn", "m"), token.replace("vv", "w"), token.replace("cl", "d")}
            for short in (spelling, *_shortened(spelling))
            for word in self._near.get(short, ())
            if len(token) >= _LONG and len(word) >= _LONG and _one_off(spelling, word)
        }
        owners = {self._owners[word] for word in near}
        return min(near) if len(owners) == 1 else None


def _shortened(word: str) -> Iterator[str]:
    """Yield the word without each one of its letters."""
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def _one_off(one: str, other: str) -> bool:
    """Return whether the words differ by at most one added, missing or changed letter."""
    if len(one) > len(other):
        one, other = other, one
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) == len(other):
        return one[at + 1 :] == other[at + 1 :]
    return len(other) - len(one) == 1 and one[at:] == other[at + 1 :]
