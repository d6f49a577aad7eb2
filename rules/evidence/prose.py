"""
Tells product texts from slogans, names and talk: "LINEN SHIRT" from "Blue Ridge Mountains", "帽子" from "帽子戏法".

Pure. Looks at one line at a time, so that no line takes another's tags away.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from rules.text.match import Match
from rules.text.normalize import is_cjk
from rules.text.page import Page

#: Kinds of matches that say nothing of products.
_SILENT = frozenset({"negation", "harmless", "trap", "goods", "detail"})
#: A lone word must be more than this part of the letters between two punctuation marks, or the last of them where
#: it names the thing itself ("pearl earrings", "珍珠项链": Chinese and English put that last).
_LEAST_PART = 0.6
#: In Chinese one letter more makes another word: "短裤哥", "牛仔城".
_LEAST_CHINESE = 0.7
_THING = "category/"
#: Owners of names that make a page one of music, films or teams: there no word alone in its line is about clothes.
_TITLES = frozenset({"name/music", "name/film", "name/team"})
#: Function words of English make a sentence: "Summer of 69".
_SENTENCE = re.compile(r"(?<![a-z])(?:of|the|is|are|to|my|your|over|we|you|i|im|be|it|its|this|that|not|for)(?![a-z])")
#: Phrases, and Chinese words of so many letters, do not stand in a slogan by chance.
_TELLING = 4
#: Begins what is said of a thing that was named first: "Sunglasses with plastic frames".
_DESCRIBED = re.compile(r" (?:with|mit|ohne|aus|avec|sans|con|sin|efecto|senza|z|bez|с|из|без) ")
_ALPHABETIC = re.compile(r"[^\W\d_]")
_MARK = re.compile(r"[,.;:!?。；！？、()|/\[\]【】~]")


def lone_words(
    page: Page, lines: Mapping[int, Sequence[Match]], in_company: Collection[str], telling: frozenset[str]
) -> Iterator[int]:
    """
    Find, by their start, the words that are all their line has to say of products, and too little.

    Takes the matches by the number of their line. Words of the trade make a product text too: promotions, garment
    parts, field names and `trade` words. So does a percentage, and a word that is telling by itself or fills the
    space between two punctuation marks. Words that count only in company are lone with none but their like.
    """
    named = any(match.term.owner in _TITLES for line in lines.values() for match in line)
    for number, line in lines.items():
        said = [match for match in line if match.term.kind not in _SILENT]
        term = said[0].term if said else None
        if term is not None and all(match.term.text in in_company for match in said):
            yield from (match.start for match in said)
            continue
        if term is None or said[-1].term is not term or term.categories <= telling:
            continue
        if " " in term.text or (len(term.text) >= _TELLING and not term.text.isascii()):
            continue
        if any(match.term is not term for match in said):
            continue
        start, stop = page.starts[number], page.starts[number + 1] - 1
        if named and page.text.find("%", start, stop) < 0:
            yield from (match.start for match in said)
            continue
        if page.text.find("%", start, stop) < 0 and not _filled(page.text, said, start, stop):
            yield from (match.start for match in said)


def _filled(text: str, said: Sequence[Match], start: int, stop: int) -> bool:
    """Tell whether a word is most of what stands between two marks of the line `text[start:stop]`, or its head."""
    words = iter(said)
    word = next(words, None)
    for mark in (*(found.start() for found in _MARK.finditer(text, start, stop)), stop):
        between = text[start:mark]
        letters = sum(map(str.isalpha, between)) if word is not None and word.start < mark else 0
        sentence = letters > 0 and _SENTENCE.search(between) is not None
        while word is not None and word.start < mark:
            head = word.term.owner.startswith(_THING) and (
                not _ALPHABETIC.search(text, word.stop, mark) or _DESCRIBED.match(text, word.stop) is not None
            )
            least = _LEAST_CHINESE if is_cjk(text[word.stop - 1]) and is_cjk(text[word.stop]) else _LEAST_PART
            if not sentence and (head or word.stop - word.start > least * letters):
                return True
            word = next(words, None)
        start = mark + 1
    return False
