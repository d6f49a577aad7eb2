"""
Finds words that the rest of their line overrides: another head noun, a detail that they describe, other goods.

Pure. Looks at one line of a page; knows words only from the vocabulary.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from operator import attrgetter

from rules.evidence.vocabulary import Vocabulary
from rules.text.match import GIVING, Match
from rules.text.page import Page

#: Why a weak word gives no tag.
GIVES_WAY = "another word in the line overrides it"
#: Accessories of a garment. If the line overrides one, it also overrides the material of the accessory.
_ACCESSORIES = frozenset({"category/belt", "category/tie"})
#: Names of accounts and pages: no word in them is about clothes.
_HANDLE = re.compile(r"@[^\s,，:：]+|https?://\S+|www\.\S+")
#: The end of a host name, and the part before it. The search starts at the dot, because few words contain one.
_DOMAIN = re.compile(r"\.(?:com|cn|net|org|co|shop|studio|store)\b\S*")
_HOST = re.compile(r"[\w-]+$")
#: Longest name of a host, in characters.
_LONGEST_HOST = 63
#: At most this many words between a word and the detail that it describes: "green led lights", not "leather bag with
#: buttons". In Chinese there is no word between them.
_BETWEEN = re.compile(
    r" ?(?:(?!(?:with|and|in|on|or|of|at|by|to|for|the|an?|has|plus"
    r"|avec|mit|con|com|met|und|et|y|e|en|de|di|aus) )[a-z]+ ){0,2}|的"
)
#: The text that may stand between a detail and its material: "semelle en caoutchouc", "buttons of horn".
_OF = re.compile(" (?:in|of|en|de|di|aus|van|av|af|z|ze|din|из|з) (?:an? |the |la |le |una? |une )?")
#: Begins the description of a garment, behind its name: "Short dress in satin".
_DESCRIBES = re.compile(" (?:in|with|made|featuring|aus|mit|en|avec|de|con|z|с|из) ")
#: Longest description of a garment, in characters, so that the time stays linear in the line.
_DESCRIPTION = 400
#: Separates garments that are named side by side, none of which overrides another.
_SEPARATE = re.compile(r"[+/|&,;。；，]")
#: Ends the description of a garment.
_ENDS = re.compile(r"[+|;。；]")
#: A part of a garment comes behind one of these: "skirt in denim" is no part of "dress in satin and …".
_WITH = re.compile(" (?:with|featuring|has|mit|avec|con|z|с) ")
#: Of these marks, some may also stand within a description: "Dress in cotton/linen, with a flared skirt".
_WITHIN = re.compile(r"[/&,，]")
#: Introduces a part in a description: "Dress with a V-neck, short sleeves and a flared skirt".
_ADDS = re.compile(" (?:with|and|featuring|has|mit|und|avec|et|con|y|e|z|i|с|и) ")
#: A word of these categories before a hidden part is not about the garment. Labels decide about materials.
_OF_HIDDEN = ("colour", "pattern")
#: Separates garments, or joins words of equal rank: "black and white".
_JOINT = re.compile(rf"{_SEPARATE.pattern}| and |[和与]")
#: The category of garments.
_GARMENT = "category"
#: Longest distance to a detail, in characters.
_REACH = 40
#: Only this many goods of a line are examined.
_SOME = 8


class _Line:
    """The matches of one line that can override others."""

    def __init__(self, text: str, line: Sequence[Match], vocabulary: Vocabulary) -> None:
        self.matches = line
        self.goods = [match for match in line if match.term.kind == "goods"]
        self.details = [match for match in line if match.term.kind == "detail" or match.term.owner in vocabulary.hidden]
        self.accessories = [match for match in line if match.term.owner in _ACCESSORIES]
        #: Positions of the words for each tag or category, without weak ones.
        self.heads: dict[str, list[Match]] = {}
        has_weak = any(match.term.text in vocabulary.weak for match in line)
        for match in line if has_weak else ():
            if match.term.kind in GIVING and match.term.text not in vocabulary.weak:
                tags = vocabulary.brought[match.term.owner]
                for name in {*tags, *(f"{tag.partition('/')[0]}/*" for tag in tags)}:
                    self.heads.setdefault(name, []).append(match)
        #: The ends of the names of described garments, by tag; empty if the line names no garment that may be a part.
        self.described: dict[str, list[int]] = {}
        for match in line if any(match.term.owner in vocabulary.part_of for match in line) else ():
            if match.term.kind in GIVING and _DESCRIBES.match(text, match.stop):
                for tag in vocabulary.brought[match.term.owner]:
                    self.described.setdefault(tag, []).append(match.stop)


class LineTalk:
    """The lines of a page, to find words that are about something else."""

    def __init__(self, page: Page, vocabulary: Vocabulary, lines: Mapping[int, Sequence[Match]]) -> None:
        """Prepare the matches of a page, by line number."""
        self._page = page
        self._vocabulary = vocabulary
        #: The lines with a word that can override others.
        self._lines = {
            number: _Line(page.text, line, vocabulary)
            for number, line in lines.items()
            if not vocabulary.overriding.isdisjoint([match.term.text for match in line])
        }
        self._handles = _handles_in(page.text)

    def against(self, match: Match, number: int) -> str | None:
        """Return why a word in a line, given by its index, is not about the garment, or None."""
        if self._handles:
            at = bisect_right(self._handles, (match.start, len(self._page.text)))
            if at and match.start < self._handles[at - 1][1]:
                return "part of a name"
        line = self._lines.get(number)
        if line is None:
            return None
        if self._is_overridden(match, line):
            return GIVES_WAY
        if line.goods and self._of_goods(match, line.goods):
            return "about goods that are no clothes"
        return self._detail(match, line) if line.details else None

    def _is_overridden(self, match: Match, line: _Line) -> bool:
        """Return whether another garment in the line takes a word's meaning."""
        if match.term.text in self._vocabulary.weak and self._gives_way(match, line):
            return True
        if line.described and self._of_described(match, line.described):
            return True
        return bool(line.accessories) and self._of_accessory(match, line)

    def _gives_way(self, match: Match, line: _Line) -> bool:
        """Return whether a more specific garment is named in the line, or next to the word in its part of the line."""
        for name in self._vocabulary.weak[match.term.text]:
            heads = line.heads.get(name, [])
            if heads and name.endswith("*"):
                return True
            at = bisect_left(heads, match.start, key=attrgetter("start"))
            for other in heads[max(0, at - 1) : at + 1]:
                if other.term.owner in self._vocabulary.brought[match.term.owner]:
                    # "T恤裙" beside "连衣裙" is a kind of it.
                    continue
                first, last = sorted((match, other), key=attrgetter("start"))
                if _SEPARATE.search(self._page.text, first.stop, last.start) is None:
                    return True
        return False

    def _of_described(self, match: Match, described: Mapping[str, Sequence[int]]) -> bool:
        """Return whether a garment is a part of one described before it: "dress in satin with a flared skirt"."""
        wholes = self._vocabulary.part_of.get(match.term.owner, ())
        return any(
            (at := bisect_left(described.get(whole, ()), match.start))
            and self._continues(described[whole][at - 1], match.start)
            for whole in wholes
        )

    def _continues(self, start: int, stop: int) -> bool:
        """Return whether the description that begins at `start` still goes on at `stop`."""
        text = self._page.text
        if stop - start > _DESCRIPTION or _ENDS.search(text, start, stop) or not _WITH.search(text, start, stop):
            return False
        marks = list(_WITHIN.finditer(text, start, stop))
        return not marks or _ADDS.search(text, marks[-1].end(), stop) is not None

    def _of_accessory(self, match: Match, line: _Line) -> bool:
        """Return whether a material is that of an accessory which gives way: "a dress with a leather belt"."""
        if match.term.owner not in self._vocabulary.fibres:
            return False
        other = self._next(line.accessories, match.stop, match.stop + 1)
        if other is None or other.term.text not in self._vocabulary.weak:
            return False
        return not self._page.text[match.stop : other.start].strip() and self._gives_way(other, line)

    def _of_goods(self, match: Match, goods: Sequence[Match]) -> bool:
        """Return whether the line is about other goods, or the word is the material of goods right after it."""
        stop = match.stop + (self._page.text[match.stop] == " ")
        anywhere = any(one.term.owner == "anywhere" for one in goods[:_SOME])
        return anywhere or self._next(goods, match.stop, stop) is not None

    def _detail(self, match: Match, line: _Line) -> str | None:
        """Return which detail of the garment a word describes ("leather insoles", "纯棉裆"), or None."""
        text, details = self._page.text, line.details
        before = details[at - 1] if (at := bisect_left(details, match.start, key=attrgetter("start"))) else None
        of = _OF.match(text, before.stop) if before is not None and before.term.kind == "detail" else None
        if before is not None and of is not None and match.start <= of.end() < match.stop:
            return self._overridden(match, before, line)
        detail = self._next(details, match.stop, match.stop + _REACH)
        if detail is None or (not text[match.stop - 1].isascii() and text[match.stop] == " "):
            return None
        if _BETWEEN.fullmatch(text, match.stop, detail.start) is None:
            return None
        if detail.term.kind == "part" and (text[detail.stop] == ":" or not detail.term.text.isascii()):
            # The part is the heading of a list, or the text is Chinese, whose lists have no marks between the words.
            return None
        return self._overridden(match, detail, line)

    def _overridden(self, match: Match, detail: Match, line: _Line) -> str | None:
        """Return the reason why a detail or hidden part overrides a word beside it, or None."""
        about = {*match.term.categories, match.term.owner}
        known = self._vocabulary.details[detail.term.owner] if detail.term.kind == "detail" else None
        if about.isdisjoint(known.of if known is not None else _OF_HIDDEN):
            return None
        if known is not None and about.isdisjoint(known.before_garment) and self._in_name(match, detail, line.matches):
            return None
        return f"only the {detail.term.text}"

    def _in_name(self, match: Match, detail: Match, line: Sequence[Match]) -> bool:
        """
        Return whether a detail belongs to the name of the garment that a word describes: "black zip hoodie".

        If another word of the same category describes the garment, this one is about the detail: gold in "black gold
        button blazer", black in "black zip grey hoodie".
        """
        text, reached = self._page.text, detail.stop
        at = bisect_left(line, match.start, key=attrgetter("start"))
        for other in reversed(line[max(0, at - _SOME) : at]):
            if _JOINT.search(text, other.stop, match.start):
                break
            if not other.term.categories.isdisjoint(match.term.categories):
                return False
        at = bisect_left(line, detail.stop, key=attrgetter("start"))
        for other in line[at : at + _SOME]:
            if _BETWEEN.fullmatch(text, reached, other.start) is None:
                return False
            if _GARMENT in other.term.categories:
                return match.start < detail.start
            if not other.term.categories.isdisjoint(match.term.categories):
                return False
            reached = other.stop
        return False

    def _next(self, matches: Sequence[Match], start: int, stop: int) -> Match | None:
        """Return the first match that begins between two positions."""
        at = bisect_left(matches, start, key=attrgetter("start"))
        return matches[at] if at < len(matches) and matches[at].start <= stop else None


def _handles_in(text: str) -> list[tuple[int, int]]:
    """Return where names of accounts and pages are, in order."""
    if "@" not in text and "." not in text:
        return []
    found = [handle.span() for handle in _HANDLE.finditer(text)]
    for domain in _DOMAIN.finditer(text):
        host = _HOST.search(text, max(0, domain.start() - _LONGEST_HOST), domain.start())
        if host is not None:
            found.append((host.start(), domain.end()))
    return sorted(found)
