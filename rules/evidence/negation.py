"""
Finds the words that a negation negates: "不含棉", "no cotton or wool", "cotton-free", "silk-like".

Works on the matches in one line; the negations themselves are data.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence

from rules.lexicon.context import Context
from rules.text.match import GIVING, Match, Term
from rules.text.normalize import CJK, normal_words

#: A negation does not reach across these, nor across figures other than one percentage.
_BREAK = re.compile(r"[\n,.;:!?。；！？、()|/\d]")
_PERCENTAGE = re.compile(r"\s*\d{1,3}(?:[.,]\d+)? ?%\s*")
_FIGURE = re.compile(r"[ :]*\d")
#: The rest of a list separated by commas: at most a few unknown words between them.
_ITEMS = re.compile(r"\s*(?:[^\W\d_]+\s){0,2}(?:[^\W\d_]*(?:\s[^\W\d_]+)?,\s*){1,3}")
#: Longest distance to the word that ends a list.
_LIST = 60
#: Beginnings of words that open a negated list.
_OPENING = "no |not |do not |dont |不可|请勿|勿|不要|切勿|ne pas |nicht |non |no se "
_NEGATES = re.compile(_OPENING)
#: Ends a list: a mark, or an item with a negation of its own.
_CLAUSE = re.compile(rf"[.;:!?。；！？|]|,\s*(?:{_OPENING})")
#: The category of care instructions.
_CARE = "care"
#: A pattern that matches nothing.
_NEVER = "(?!)"
_CJK_LETTER = re.compile(f"[{CJK}]")
_LATIN_WORD = re.compile(r"[^\W\d_]+")


class Negations:
    """The lexicon's negations, and the words that continue them along a list ("不含棉和羊毛")."""

    def __init__(self, context: Context, words: Iterable[Term], turnable: Collection[str]) -> None:
        """Prepare the context, the lexicon's words, and the care instructions that a negation turns into another."""
        self._turnable = frozenset(turnable)
        self._rules = context.negations
        joiners = normal_words([word for words in context.joiners.values() for word in words])
        joints = "".join(f"|{re.escape(word)}" for word in sorted(joiners, key=len, reverse=True))
        self._joined = re.compile(rf"(?:[\s、/&+]{joints})*")
        #: Words that end a list whose other items are separated by commas: "wool, silk or leather".
        self._closing = re.compile(rf"(?:^|[^\w])(?:、{joints})(?:[^\w]|$)|[或和及与]")
        names = {word: name for name, rule in self._rules.items() if rule.stand == "before" for word in rule.words}
        self._names = {form: names[word] for word, form in zip(names, normal_words(list(names)), strict=True)}
        #: The negation with which each word begins: "do not" of "do not wring".
        self._openings = {term.text: name for term in words if (name := self._opened_by(term))}
        #: The unknown words before the last item of a list: ", iron or ".
        self._last_item = re.compile(rf",\s*(?:[^\W\d_]+\s){{1,2}}(?:{joints.lstrip('|') or _NEVER})\s")
        answers = normal_words([word for words in context.answers.values() for word in words])
        self._answer = re.compile(rf"[ )]*: *({'|'.join(map(re.escape, answers)) or _NEVER})(?= *[\n,.;|/)。]| *$)")

    def negated(self, text: str, line: Sequence[Match], gaps: Sequence[int]) -> dict[int, str]:
        """
        Find the negated tag words in a block of lines, given its matches in order.

        Args:
            text: The text of the page.
            line: The matches of a block.
            gaps: Positions in the text, ascending, where spaces between Chinese letters were removed.

        Returns:
            The name of the negation, by the start of each negated word.

        """
        spent: set[int] = set()
        answered = self._answered(text, line, spent)
        stands = {self._rules[match.term.owner].stand for match in line if match.term.kind == "negation"}
        backwards, forwards = dict[int, str](), dict[int, str]()
        if not stands.isdisjoint(("after", "either")):
            backwards = self._sweep(text, reversed(line), "after", spent, gaps)
        if not stands.isdisjoint(("before", "either")) or any(match.term.text in self._openings for match in line):
            forwards = self._sweep(text, line, "before", spent, gaps)
        return backwards | forwards | answered

    def _opened_by(self, term: Term) -> str | None:
        """Return the negation that a word begins with and a list may continue: "do not wring, bleach or iron"."""
        if term.kind not in GIVING or _NEGATES.match(term.text) is None:
            return None
        pieces = term.text.split(" ") if term.text.isascii() else list(term.text)
        joint = " " if term.text.isascii() else ""
        return next(filter(None, (self._names.get(joint.join(pieces[:at])) for at in (3, 2, 1))), None)

    def _answered(self, text: str, line: Sequence[Match], spent: set[int]) -> dict[int, str]:
        """Find the words in a question with the answer no: "Wool: no"."""
        taken: dict[int, str] = {}
        for match in line if ":" in text else ():
            if match.term.categories and ":" in text[match.stop : match.stop + 3]:
                answer = self._answer.match(text, match.stop)
                if answer is not None:
                    taken[match.start] = "answered no"
                    spent.add(answer.start(1))
        return taken

    def _sweep(
        self, text: str, line: Iterable[Match], stand: str, spent: set[int], gaps: Sequence[int]
    ) -> dict[int, str]:
        """Scan a line in one direction. `spent` are the negations that were used in the other."""
        taken: dict[int, str] = {}
        last: Match | None = None
        name = ""
        opened = False
        #: Words since the negation that may describe the next word: "worn with black jeans", "imitation black leather".
        between: list[Match] = []
        for match in line:
            owner = match.term.owner
            if match.term.kind == "negation":
                if self._rules[owner].stand in {stand, "either"} and match.start not in spent:
                    last, name = match, owner
                    opened, between = False, []
            elif stand == "before" and match.term.text in self._openings:
                last, name, opened, between = match, self._openings[match.term.text], True, []
            elif last is not None and match.term.categories:
                edge = between[-1] if between else last
                gap = text[edge.stop : match.start] if edge.start < match.start else text[match.stop : edge.start]
                begins = last.term.kind == "negation"
                near = not gap.strip(" ") if between else self._carries(text, name, last, gap, match, opened=opened)
                near = near or (stand == "before" and self._listed(gap, text[match.stop : match.stop + _LIST]))
                rule = self._rules[name]
                # A space ends a list of care instructions. Fibres may follow each other after spaces.
                near = near and not (gaps and (gap.strip() or rule.of == _CARE) and _are_apart(gaps, edge, match))
                if near and rule.of in {None, *match.term.categories}:
                    taken |= {one.start: name for one in (*(between if rule.described else ()), match)}
                    if begins:
                        spent.add(last.start)
                    last, between = match, []
                elif near and rule.of is not None:
                    between.append(match)
                else:
                    last, between = None, []
        return taken

    def _carries(self, text: str, name: str, last: Match, gap: str, match: Match, *, opened: bool) -> bool:
        """Return whether a negation reaches a word, from itself or from the `last` word of its list."""
        if last.term.kind == "negation":
            return self._near(name, gap, colon=last.term.text != "no")
        goes_on = bool(gap or not opened) and self._goes_on(name, gap, text[match.stop : match.stop + 3])
        return goes_on and ("/" not in gap or self._listable(match))

    def _goes_on(self, name: str, gap: str, rest: str) -> bool:
        """
        Return whether a list continues, from the gap in it and the text after the next word.

        Without a joining word it continues only in Chinese, after a strong negation ("不含棉羊毛", not
        "仿真丝雪纺衫"), and not to a word with its own figure ("不含棉 涤纶100%").
        """
        if gap:
            return bool(gap.strip()) and self._joined.fullmatch(gap) is not None
        return self._rules[name].reach > 1 and not _FIGURE.match(rest)

    def _listable(self, match: Match) -> bool:
        """Return whether a negation reaches across a slash: to "dry clean", not to "cool iron", a new instruction."""
        return _CARE not in match.term.categories or match.term.owner in self._turnable

    def _listed(self, gap: str, rest: str) -> bool:
        """Return whether a comma continues a list that "or" ends further on: "no fur, feathers or leather"."""
        if self._last_item.fullmatch(gap) is not None:
            return not _FIGURE.match(rest)
        if _ITEMS.fullmatch(gap) is None or _FIGURE.match(rest):
            return False
        clause = _CLAUSE.split(rest, maxsplit=1)[0]
        return self._closing.search(clause) is not None and not any(map(str.isdigit, clause))

    def _near(self, name: str, gap: str, *, colon: bool) -> bool:
        if not gap.strip(" \n:" if colon else None):
            return True
        if _BREAK.search(gap):
            return _PERCENTAGE.fullmatch(gap) is not None
        letters = _CJK_LETTER.subn(" ", gap)
        reach = self._rules[name].reach
        return letters[1] <= reach and len(_LATIN_WORD.findall(letters[0])) <= reach // 2


def _are_apart(gaps: Sequence[int], edge: Match, word: Match) -> bool:
    """Return whether a space stood between two words ("不可用洗衣机 低温熨烫"), other than right beside a negation."""
    joins = edge.term.kind == "negation"
    if edge.start < word.start:
        return (bisect_right if joins else bisect_left)(gaps, edge.stop) < bisect_right(gaps, word.start)
    return bisect_left(gaps, word.stop) < (bisect_left if joins else bisect_right)(gaps, edge.start)
