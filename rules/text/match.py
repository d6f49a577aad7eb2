"""
Finds every word of the lexicon in a text, in one pass; of overlapping words those that cover most of it.

Knows words and positions, not meanings.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, NamedTuple

import ahocorasick

#: The purpose of a word: the fields of `rules.lexicon.entries.Entry` and `rules.lexicon.context.Context` with words.
Kind = Literal[
    "word", "beside_percent", "misread", "trap", "ignored", "negation", "harmless", "part", "field", "trade", "local",
    "goods", "detail",
]  # fmt: skip
#: If a word has two purposes, the first of these wins.
_PRECEDENCE: tuple[Kind, ...] = (
    "word", "ignored", "beside_percent", "misread", "harmless", "negation", "part", "field", "detail", "trade", "trap",
    "goods", "local",
)  # fmt: skip
#: Weight of a covered letter by kind. A word wins over a negation that it could begin with ("常规" in "非常规").
_WORTH: dict[Kind, int] = {
    "harmless": 2, "trap": 2, "word": 2, "ignored": 2, "misread": 2, "local": 2, "detail": 2,
    "beside_percent": 1, "negation": 1, "part": 1, "field": 1, "trade": 1, "goods": 1,
}  # fmt: skip
#: Kinds of the highest weight: no choice of words inside such a match is worth more than the match.
_WHOLE = frozenset(kind for kind, worth in _WORTH.items() if worth > 1)
#: Kinds that may give a tag.
GIVING = ("word", "beside_percent", "misread")
#: A two-letter word split across two lines is more likely a coincidence than a match.
_TOO_SHORT = 2
_SIBILANTS = ("s", "x", "ch", "sh")
#: A character that no normalized text contains.
_NEVER = "\x1f"
_COMMON = " \n0123456789%:.,/()-¥"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_ALPHANUMERIC = _LETTERS | frozenset("0123456789")
#: From this many letters on a word may be next to a digit: "SUMMER2026".
_LONG = 5
_start, _stop_and_start = itemgetter(0), itemgetter(1, 0)


@dataclass(frozen=True, slots=True)
class Term:
    """A normalized word of the lexicon. `owner` is the tag id, or the name of the context rule."""

    text: str
    kind: Kind
    owner: str
    #: Categories of all the tags that it gives.
    categories: frozenset[str] = frozenset()


class Match(NamedTuple):
    """A term found in `text[start:stop]`."""

    start: int
    stop: int
    term: Term


#: The fields of a match, as a plain tuple: most of what is found is not chosen, and this is made five times as fast.
Span = tuple[int, int, Term]


class Matcher:
    """Terms compiled into an Aho–Corasick automaton, so that the search time does not depend on their number."""

    def __init__(self, terms: Iterable[Term]) -> None:
        chosen: dict[str, Term] = {}
        for term in sorted(terms, key=lambda term: (_PRECEDENCE.index(term.kind), term.owner)):
            chosen.setdefault(term.text, term)
        self._automaton = ahocorasick.Automaton()
        # The automaton tries the branches of its root in the order of adding. So characters that are common in texts,
        # and with which no word may begin, come first; otherwise they would be compared with all others in vain.
        for letter in _COMMON:
            self._automaton.add_word(letter + _NEVER, None)
        # The others come in the order of the words that begin with them, Latin ones first.
        begun = Counter(text[0] for text in chosen)
        for text, term in sorted(chosen.items(), key=lambda item: (not item[0].isascii(), -begun[item[0][0]])):
            plural = "es" if text.endswith(_SIBILANTS) else "s"
            glue = _LETTERS if len(text) >= _LONG else _ALPHANUMERIC
            self._automaton.add_word(text, (len(text), _is_letter(text[0]), _is_letter(text[-1]), glue, plural, term))
        self._automaton.make_automaton()

    def knows(self, word: str) -> bool:
        """Return whether a normalized word is one of the terms."""
        return word in self._automaton

    def find(self, text: str, seams: Sequence[int] = (), closed: Sequence[int] = ()) -> list[Match]:
        """
        Find the terms in a normalized text framed by line breaks, in order; see `spans`.

        `closed` are the positions where lines were joined without a character. The matches count a line break there.
        """
        if not closed:
            return [Match(*one) for one in self.spans(text, seams)]
        return [
            Match(start + bisect_right(closed, start), stop + bisect_right(closed, stop - 1), term)
            for start, stop, term in self.spans(text, seams)
        ]

    def spans(self, text: str, seams: Sequence[int] = ()) -> list[Span]:
        """
        Find the terms in a text, with their positions in it, in order.

        `seams` are the positions where lines were joined. A word that crosses one loses against an equal word within a
        line. A Chinese word that crosses one must have three letters. The name of a part never crosses one. A Latin
        (Greek, Cyrillic) word counts only without a letter or digit next to it, except an English plural ending.

        Words do not overlap. The words that together cover the most text win ("vegan leather" and "jacket", not
        "leather jacket"), then the choice of the fewest words, then the one with the longest last word.
        """
        found: list[Span] = []
        joined = bytearray(len(text))
        for seam in seams:
            joined[seam] = 1
        for last, (length, left, right, glue, plural, term) in self._automaton.iter(text):
            start, stop = last + 1 - length, last + 1
            if left and ((before := text[start - 1]) in glue or (before > "\x7f" and _is_letter(before))):
                continue
            if right and ((behind := text[stop]) in glue or (behind > "\x7f" and _is_letter(behind))):
                stop += len(plural)
                if text[last + 1 : stop] != plural or _is_letter(text[stop]):
                    continue
            if length == _TOO_SHORT and not left and term.kind in GIVING and joined[start + 1]:
                continue
            if term.kind == "part" and joined.find(1, start + 1, stop) >= 0:
                continue
            found.append((start, stop, term))
        return _covering(found, joined)


def _covering(found: list[Span], joined: bytearray) -> list[Span]:
    """Choose among overlapping matches."""
    found.sort(key=_start)
    chosen: list[Span] = []
    group: list[Span] = []
    reached = 0
    for match in found:
        start, stop, _ = match
        if start < reached:
            group.append(match)
            reached = max(reached, stop)
        else:
            chosen += _best(group, reached, joined) if len(group) > 1 else group
            group, reached = [match], stop
    return chosen + (_best(group, reached, joined) if len(group) > 1 else group)


def _best(group: list[Span], reached: int, joined: bytearray) -> list[Span]:
    """Choose from a group of overlapping matches, up to `reached`: weighted interval scheduling."""
    longest = max(group, key=_length)
    if (longest[0], longest[1]) == (group[0][0], reached) and longest[2].kind in _WHOLE:
        return [longest]
    group.sort(key=_stop_and_start)
    stops = [stop for _, stop, _ in group]
    #: For the first n matches, the best choice: its worth, its number of words (negative), the length of its last word.
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    #: For the first n matches, the last match of the best choice, and how many matches end before that one.
    last: list[tuple[Span | None, int]] = [(None, 0)]
    for number, match in enumerate(group):
        start, stop, term = match
        before = bisect_right(stops, start, 0, number)
        covered, words, _ = best[before]
        length = len(term.text)
        # A part's name of several words wins over the words in it: "hood lining" names no hooded garment.
        each = 2 if term.kind == "part" and " " in term.text else _WORTH[term.kind]
        worth = each * length if length > 1 else 1
        if joined.find(1, start + 1, stop) >= 0:
            worth -= 1
        choice = (covered + worth, words - 1, length)
        if choice > best[-1]:
            best.append(choice)
            last.append((match, before))
        else:
            best.append(best[-1])
            last.append(last[-1])
    chosen = []
    match_or_none, before = last[-1]
    while match_or_none is not None:
        chosen.append(match_or_none)
        match_or_none, before = last[before]
    return chosen[::-1]


def _length(match: Span) -> int:
    # Do not count the plural ending, so that a word that itself ends in "s" wins.
    return len(match[2].text)


def _is_letter(character: str) -> bool:
    """Return whether a character joins its neighbour to one word: letters and digits, but not CJK."""
    return character.isalnum() and not "\u2e80" <= character <= "\ud7af" and character < "\uf900"
