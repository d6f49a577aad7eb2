"""
Which words a negation takes away: "不含棉", "no cotton or wool", "cotton-free", "silk-like".

Works on what the matcher found in one line; the negations themselves are data.
"""

import re
from collections.abc import Iterable, Sequence

from rules.lexicon.context import Context
from rules.text.match import Match
from rules.text.normalize import CJK, normal_words

#: A negation does not reach over these, nor over figures other than one percentage.
_BREAK = re.compile(r"[\n,.;:!?。；！？、()|/\d]")
_PERCENTAGE = re.compile(r"\s*\d{1,3}(?:[.,]\d+)? ?%\s*")
_FIGURE = re.compile(r"[ :]*\d")
_CJK_LETTER = re.compile(f"[{CJK}]")
_LATIN_WORD = re.compile(r"[^\W\d_]+")


class Negations:
    """The lexicon's negations, with the words that carry them along a list ("不含棉和羊毛")."""

    def __init__(self, context: Context) -> None:
        self._rules = context.negations
        joiners = normal_words([word for words in context.joiners.values() for word in words])
        words = "".join(f"|{re.escape(word)}" for word in sorted(joiners, key=len, reverse=True))
        self._joined = re.compile(rf"(?:[\s、/&+]{words})*")

    def negated(self, text: str, line: Sequence[Match]) -> dict[int, str]:
        """
        Find the tag words that are taken away in a block of lines, given its matches in order.

        Returns the name of the negation by the start of each word that it takes away.
        """
        if not any(match.term.kind == "negation" for match in line):
            return {}
        spent: set[int] = set()
        backwards = self._sweep(text, reversed(line), "after", spent)
        return backwards | self._sweep(text, line, "before", spent)

    def _sweep(self, text: str, line: Iterable[Match], stand: str, spent: set[int]) -> dict[int, str]:
        """Go through a line in one direction. `spent` are the negations that did their work in the other."""
        taken: dict[int, str] = {}
        last: Match | None = None
        name = ""
        for match in line:
            owner = match.term.owner
            if match.term.kind == "negation":
                if self._rules[owner].stand in {stand, "either"} and match.start not in spent:
                    last, name = match, owner
            elif last is not None and match.term.categories:
                gap = text[last.stop : match.start] if last.start < match.start else text[match.stop : last.start]
                begins = last.term.kind == "negation"
                near = self._near(name, gap) if begins else self._goes_on(name, gap, text[match.stop : match.stop + 3])
                if near and self._rules[name].of in {None, *match.term.categories}:
                    taken[match.start] = name
                    if begins:
                        spent.add(last.start)
                    last = match
                else:
                    last = None
        return taken

    def _goes_on(self, name: str, gap: str, rest: str) -> bool:
        """
        Tell whether a list goes on, from the gap in it and what follows the next word.

        Without a joining word it does only in Chinese, behind a strong negation ("不含棉羊毛", not
        "仿真丝雪纺衫"), and not to a word with its own figure ("不含棉 涤纶100%").
        """
        if gap:
            return bool(gap.strip()) and self._joined.fullmatch(gap) is not None
        return self._rules[name].reach > 1 and not _FIGURE.match(rest)

    def _near(self, name: str, gap: str) -> bool:
        if not gap.strip():
            return True
        if _BREAK.search(gap):
            return _PERCENTAGE.fullmatch(gap) is not None
        letters = _CJK_LETTER.subn(" ", gap)
        reach = self._rules[name].reach
        return letters[1] <= reach and len(_LATIN_WORD.findall(letters[0])) <= reach // 2
