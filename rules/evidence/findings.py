"""
Judges every word of the lexicon on a page: a tag, or the reason why not.

Pure. Knows the vocabulary and the page, not events.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from rules.evidence.composition import Share, main_composition
from rules.evidence.cues import Cues, cues_on
from rules.evidence.line_talk import GIVES_WAY, LineTalk
from rules.evidence.sizes import Size, chart_lines, sizes_on, somebody_elses
from rules.evidence.vocabulary import MATERIAL, Vocabulary
from rules.lexicon.entries import Entry
from rules.text.match import GIVING, Match
from rules.text.normalize import is_cjk
from rules.text.page import Page
from rules.text.seams import find_on
from schemas.events import TextLine

#: Quality of a finding by how it was found. A tag's score is this times its line's OCR score.
QUALITY = {"composition": 1.0, "word": 0.95, "beside_percent": 0.9, "misread": 0.75, "size": 0.95, "negated": 0.9}
#: Factor for each way in which the text had to be repaired first.
MENDED = 0.9
#: The categories of sizes, colours and garments.
SIZE, COLOUR, _GARMENT = "size", "colour", "category/"
#: Tags that titles name by one letter right behind another word: the wearer and the season.
_MARKS = frozenset(
    ("claim/womenswear", "claim/menswear", "season/spring", "season/summer", "season/autumn", "season/winter")
)
#: From this percentage on a garment counts as one fibre (GB/T 29862-2013: up to 0.5 % may be unnamed).
_PURE = 99.5
#: Negations that turn a care instruction into its opposite.
_FORBIDS = {"without", "directly", "bare", "not allowed", "forbidding", "answered no"}
#: Follows the name of a second fabric of equal rank: "Fabric 2: 100% polyester".
_SECOND = re.compile(r" ?[2b] ?:")
#: Kinds of matches that are listed but give no tag, with the reason.
_NO_TAG = {"trap": "the phrase means something else", "ignored": "never a tag"}
#: Kinds of matches that are judged. The others only qualify the words around them.
_JUDGED = frozenset((*GIVING, *_NO_TAG))


class Finding(NamedTuple):
    """A word of the lexicon in the text, and its result."""

    #: Id of the word's entry.
    tag: str
    #: The entry and how it was found, for example `material/cotton#composition`.
    rule: str
    #: The word in the form that was compared.
    word: str
    line: TextLine
    score: float
    #: Percent of the main composition.
    share: float | None = None
    #: Why it gives no tag; None if it gives one.
    reason: str | None = None
    #: Display name, if the lexicon has none.
    label: str | None = None
    #: Whether the shares of its part do not add up.
    unsure: bool = False
    #: The line in which the word continues, if it crosses a line break.
    second: TextLine | None = None

    def __repr__(self) -> str:
        # Omit the word, because shoppers' text must not reach a log.
        return f"Finding({self.rule}, score={self.score}, reason={self.reason})"


def findings_on(page: Page, vocabulary: Vocabulary) -> list[Finding]:
    """Judge the vocabulary's words on a page, in reading order."""
    matches = vocabulary.local_words.resolved(page.text, find_on(page, vocabulary.matcher))
    lines = page.by_line(matches)
    judge = _Judge(page, vocabulary, cues_on(page, vocabulary, lines), LineTalk(page, vocabulary, lines), matches)
    found = [
        judge.finding(match, number) for number, line in lines.items() for match in line if match.term.kind in _JUDGED
    ]
    return found + list(judge.pure(found)) + [judge.size(size) for size in sizes_on(page)]


class _Judge:
    """Judges the matches of one page."""

    def __init__(self, page: Page, vocabulary: Vocabulary, cues: Cues, talk: LineTalk, matches: list[Match]) -> None:
        self._page = page
        self._vocabulary = vocabulary
        self._cues = cues
        self._talk = talk
        self._matches = matches
        #: Fibres with 0 % on a label whose other shares add up.
        self._zero = {
            share.fibre.code
            for composition in cues.compositions
            for share in composition.shares
            if not share.percent.value and composition.whole
        }
        main = main_composition(cues.compositions, self._is_main)
        #: A sum above 100 is not trusted. A smaller one may lack a line that was not read.
        self._main = main.by_fibre if main is not None and main.believable else {}
        self._unsure = main is not None and (not main.exact or _numbered(page.text, matches))
        self._part_of = {share.fibre.start: one.part for one in cues.compositions for share in one.shares}
        self._main_starts = {share.fibre.start for share in main.shares} if main is not None else set[int]()
        #: Starts of fibres with 0 % and no other fibre next to them.
        self._nothing = {share.fibre.start for one in cues.compositions if one.empty for share in one.shares}

    @cached_property
    def _begins(self) -> set[int]:
        return {match.start for match in self._matches}

    @cached_property
    def _ends(self) -> set[int]:
        return {match.stop for match in self._matches}

    @cached_property
    def _garments(self) -> set[int]:
        return {match.start for match in self._matches if match.term.owner.startswith(_GARMENT)}

    @cached_property
    def _charts(self) -> frozenset[int]:
        return chart_lines(self._page)

    def finding(self, match: Match, number: int) -> Finding:
        """Judge a match that begins in a line, given by its index."""
        start, stop, term = match
        page, kind, tag = self._page, term.kind, term.owner
        line = page.lines[number]
        word = page.text[start:stop]
        if self._cues.negated.get(start) in _FORBIDS and (opposite := self._vocabulary.entries[tag].opposite):
            return Finding(opposite, f"{opposite}#negated", word, line, QUALITY["negated"] * line.score)
        if kind in _NO_TAG:
            return Finding(tag, f"{tag}#{kind}", word, line, 0.0, None, _NO_TAG[kind])
        share = self._cues.shares.get(start)
        how = "composition" if share is not None and kind != "misread" else kind
        score = QUALITY[how] * line.score
        percent = None
        if share is not None:
            score = min(score, QUALITY[how] * page.line_at(share.percent.start).score)
            score *= MENDED if share.percent.mended else 1
            percent = self._main.get(share.fibre.code) if self._in_main(share) else None
        if page.gaps and bisect_right(page.gaps, start) < bisect_left(page.gaps, stop):
            score *= MENDED
        second = None
        if "\n" in word:
            second = page.line_at(stop - 1)
            score = MENDED * min(score, score / line.score * second.score)
            word = word.replace("\n", " ")
        against = self._against(match, number)
        if against == GIVES_WAY and (instead := self._vocabulary.entries[tag].instead) is not None:
            return Finding(instead, f"{instead}#{how}", word, line, score)
        unsure = percent is not None and self._unsure
        return Finding(tag, f"{tag}#{how}", word, line, score, percent, against, None, unsure, second)

    def pure(self, found: list[Finding]) -> Iterator[Finding]:
        """Yield the claims of purity that follow from the composition ("100% cotton")."""
        for tag in self._vocabulary.pure if self._main else ():
            fibre = self._vocabulary.fibres[tag]
            if self._percent_of(fibre) >= _PURE:
                for one in found:
                    if one.share and one.reason is None and fibre in self._vocabulary.brought[one.tag]:
                        yield one._replace(tag=tag, rule=f"{tag}#composition", share=None, unsure=False)

    def size(self, size: Size) -> Finding:
        """Judge a parsed size."""
        line = self._page.line_at(size.start)
        tag = f"{SIZE}/{size.value}"
        against = self._no_size(size.start)
        counts = against == "a size chart" and tag not in self._vocabulary.entries
        return Finding(
            tag=tag,
            rule=f"{tag}#size",
            word=self._page.text[size.start : size.stop],
            line=line,
            score=QUALITY["size"] * line.score,
            reason=None if counts else against,
            label=size.label,
        )

    def _against(self, match: Match, number: int) -> str | None:
        """Return why a match gives no tag; None if it gives one."""
        start, owner = match.start, match.term.owner
        if start in self._cues.negated:
            return f"negated: {self._cues.negated[start]}"
        if start in self._nothing or (self._zero and not self._zero.isdisjoint(self._vocabulary.brought[owner])):
            return "the label says 0 %"
        entry = self._vocabulary.entries[owner]
        return self._unproven(match, entry) or self._elsewhere(match, entry, number)

    def _unproven(self, match: Match, entry: Entry) -> str | None:
        """Return why the word alone is not enough at its place, or None."""
        start, stop, term = match
        if start in self._cues.shares or start in self._cues.announced:
            return None
        if entry.weave and term.kind == "beside_percent" and self._has_shares(start):
            return None
        if term.kind == "beside_percent" or (term.kind == "misread" and entry.category == MATERIAL):
            return "no percentage next to it"
        if stop - start == 1 and not self._stands_alone(start, stop, entry):
            return "a letter within another word"
        return "the only product word in its line" if start in self._cues.lone else None

    def _has_shares(self, start: int) -> bool:
        """Return whether the line has percentages of fibres."""
        line = self._page.line_start(start)
        end = self._page.text.index("\n", start)
        return any(line <= one < end for one in self._cues.shares)

    def _elsewhere(self, match: Match, entry: Entry, number: int) -> str | None:
        """Return why the word is not about this garment as a whole, or None."""
        start = match.start
        if start not in self._cues.shares and (other := self._talk.against(match, number)) is not None:
            return other
        part = self._cues.parts.get(start)
        if part is not None and not self._is_main(part) and not self._counts(start, entry, part):
            return f"only the {part}"
        if entry.pure and self._main and self._percent_of(self._vocabulary.fibres[entry.id]) < _PURE:
            return "the composition says it is a blend"
        return self._no_size(start) if entry.category == SIZE else None

    def _in_main(self, share: Share) -> bool:
        """Return whether a share belongs to the main composition, or repeats one of its shares."""
        if share.fibre.start in self._main_starts:
            return True
        repeats = self._main.get(share.fibre.code) == share.percent.value
        return repeats and self._is_main(self._part_of[share.fibre.start])

    def _no_size(self, start: int) -> str | None:
        """Return why a size does not count, or None."""
        line = self._page.line_start(start)
        if somebody_elses(self._page, line):
            return "the size of a model, or for a weight"
        return "a size chart" if line in self._charts else None

    def _is_main(self, part: str | None) -> bool:
        return part is None or self._vocabulary.parts[part].main

    def _counts(self, start: int, entry: Entry, name: str) -> bool:
        """Return whether a material counts although it belongs to a lesser part."""
        part = self._vocabulary.parts[name]
        return (entry.filling and part.filling) or (part.shows and start not in self._cues.shares)

    def _percent_of(self, fibre: str) -> float:
        """Add up the percentages of a fibre and of its kinds (organic cotton is cotton)."""
        return sum(percent for code, percent in self._main.items() if fibre in self._vocabulary.brought[code])

    def _stands_alone(self, start: int, stop: int, entry: Entry) -> bool:
        """
        Return whether a single letter is a word by itself: other words begin and end at its edges.

        Titles name the wearer and the season right behind a word, and the colour right before a garment
        ("连衣裙女分体", "小众白衬衫"): there one edge is enough.
        """
        text = self._page.text
        if entry.id in _MARKS and start in self._ends:
            return True
        if entry.category == COLOUR and stop in self._garments:
            return True
        return (start in self._ends or not is_cjk(text[start - 1])) and (stop in self._begins or not is_cjk(text[stop]))


def _numbered(text: str, matches: Sequence[Match]) -> bool:
    """Return whether a label numbers its fabrics: then no percentage is one of the whole garment."""
    ends = [stop for _, stop, term in matches if term.kind in ("field", "part")]
    return any(_SECOND.match(text, stop) for stop in ends)
