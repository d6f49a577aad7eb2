"""
Distinguishes product texts from slogans and names: "LINEN SHIRT" from "Blue Ridge Mountains", "帽子" from "帽子戏法".

Pure. Looks at one line at a time, so that no line removes another's tags.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from rules.text.match import Match
from rules.text.normalize import is_cjk
from rules.text.page import Page

#: Kinds of matches that do not indicate a product text.
_SILENT = frozenset({"negation", "harmless", "trap", "goods", "detail"})
#: A lone word counts if it makes up more than this share of the letters between two punctuation marks, or if it is the
#: head noun there, which Chinese and English put last ("pearl earrings", "珍珠项链").
_LEAST_PART = 0.6
#: The same share for Chinese, where one more letter makes another word: "短裤哥", "牛仔城".
_LEAST_CHINESE = 0.7
_THING = "category/"
#: Owners of names that indicate a page about music, films or teams, on which no lone word is about clothes.
_TITLES = frozenset({"name/music", "name/film", "name/team"})
#: Function words of English make a sentence: "Summer of 69".
_SENTENCE = re.compile(r"(?<![a-z])(?:of|the|is|are|to|my|your|over|we|you|i|im|be|it|its|this|that|not|for)(?![a-z])")
#: Phrases, and Chinese words of this many letters, do not appear in a slogan by chance.
_TELLING = 4
#: Words that begin the description of something named before: "Sunglasses with plastic frames".
_DESCRIBED = re.compile(r" (?:with|mit|ohne|aus|avec|sans|con|sin|efecto|senza|z|bez|с|из|без) ")
_ALPHABETIC = re.compile(r"[^\W\d_]")
_MARK = re.compile(r"[,.;:!?。；！？、()|/\[\]【】~]")


def lone_words(
    page: Page, lines: Mapping[int, Sequence[Match]], in_company: Collection[str], telling: frozenset[str]
) -> Iterator[int]:
    """
    Yield the starts of words that give no tag, because they are the only product word of their line.

    Takes the matches by line number. Trade words also indicate a product text: promotions, garment parts, field names
    and `trade` words. So do a percentage, a word that is `telling` by itself, and a word that fills the space between
    two punctuation marks. Words that need company are lone if all others are of the same kind.
    """
    named = any(match.term.owner in _TITLES for line in lines.values() for match in line)
    for number, line in lines.items():
        said = [match for match in line if match.term.kind not in _SILENT]
        if not said:
            continue
        term = said[0].term
        if term.text in in_company and all(match.term.text in in_company for match in said):
            yield from (match.start for match in said)
            continue
        if term.categories <= telling or any(match.term is not term for match in said[1:]):
            continue
        if " " in term.text or (len(term.text) >= _TELLING and not term.text.isascii()):
            continue
        start, stop = page.starts[number], page.starts[number + 1] - 1
        if page.text.find("%", start, stop) < 0 and (named or not _filled(page.text, said, start, stop)):
            yield from (match.start for match in said)


def _filled(text: str, said: Sequence[Match], start: int, stop: int) -> bool:
    """Return whether a word is most of the text between two marks of the line `text[start:stop]`, or its head."""
    words = iter(said)
    word = next(words, None)
    for mark in (*(found.start() for found in _MARK.finditer(text, start, stop)), stop):
        if word is None:
            return False
        letters = sum(map(str.isalpha, text[start:mark])) if word.start < mark else 0
        sentence = letters > 0 and _SENTENCE.search(text, start, mark) is not None
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
