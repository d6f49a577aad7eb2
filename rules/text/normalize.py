"""
Normalizes text as people and OCR write it, to the one form in which words are compared.

Pure. Knows no lexicon; a lexicon's words are normalized here too.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

from opencc import OpenCC

#: Chinese, Japanese and Korean letters (scripts without spaces between words), for a regex class.
CJK = "\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"

_HAS_CJK = re.compile(f"[{CJK}]")
#: Characters that OpenCC changes only within some phrases ("坏布" is "坯布"): those of its TSPhrases.txt.
_IN_PHRASES = "坏瞭藉覆沈哩甦衹"
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(" {2,}")
#: "D E N I M": four or more single letters, from the first space on.
_SPREAD = re.compile(r" (?<=[^a-z0-9][a-z] )[a-z](?: [a-z]){2,}(?![a-z0-9])")
_MARK = "\x1f"
# Each pattern begins with a plain character and looks behind it, because that search is fast.
#: Spaces inside words: "纯 棉", "T 恤", and those marked in spread Latin words.
_GAP = re.compile(f"{_MARK}| (?=[{CJK}])(?:(?<=[{CJK}] )|(?<=[^a-z0-9][a-z] ))| (?=[a-z] ?[{CJK}])(?<=[{CJK}] )")
#: "cotton65%", "棉65%" and "65%cotton".
_STUCK = re.compile(r"[\d%](?:(?<=[^\W\d_]\d)(?=\d{0,2}(?:[.,]\d{1,2})? ?%)|(?<=\d%)(?=[^\W_]))")
#: The percent sign as a word: "100 percent cotton", "50 Prozent".
_PERCENT_STEMS = ("cent", "zent", "cient", "цент", "セント", "센트")
_PERCENT = re.compile(
    r"(?<=\d) ?(?:(?:per ?cento?|prozent|pour ?cent|por ?ci?ento|procent|процент(?:а|ов)?)(?![^\W\d_])"
    "|パーセント|퍼센트)"
)


class Normal(NamedTuple):
    """Normalized text, framed by a line break on each side, and where spaces were removed."""

    text: str
    #: Positions in `text`, ascending, where a space was removed.
    gaps: tuple[int, ...]


def normalize(lines: str) -> Normal:
    """
    Normalize lines joined by line breaks. Returns the same number of lines, in time linear in their length.

    Applies NFKC (full-width forms) and case folding, removes Latin accents and invisible characters, converts
    traditional to simplified Chinese, hyphens to spaces and "percent" to its sign, and joins letter-spaced words.
    """
    text = lines if lines.isascii() else _SURROGATES.sub(" ", lines)
    # Many type an ordinal sign for a degree sign. NFKC makes a letter of it: "30oc".
    text = unicodedata.normalize("NFKC", text.replace("º", "°"))
    text = unicodedata.normalize("NFKC", text.casefold())
    odd, table = _odd_characters()
    text = odd.sub(lambda found: table[found[0]], text)
    cjk = _HAS_CJK.search(text) is not None
    # Most texts need no conversion. It takes ten times as long as this search.
    if cjk and _traditional().search(text):
        text = _simplifier().convert(text)
    text = "\n" + _SPACES.sub(" ", text) + "\n"
    if any(stem in text for stem in _PERCENT_STEMS):
        text = _PERCENT.sub("%", text)
    if "%" in text:
        text = _STUCK.sub(lambda stuck: "% " if stuck[0] == "%" else f" {stuck[0]}", text)
    text = _SPREAD.sub(lambda spread: spread[0].replace(" ", _MARK), text)
    if not cjk and _MARK not in text:
        return Normal(text, ())
    pieces = _GAP.split(text)
    gaps, at = [], 0
    for piece in pieces[:-1]:
        at += len(piece)
        gaps.append(at)
    return Normal("".join(pieces), tuple(gaps))


def normal_words(words: list[str]) -> list[str]:
    """Normalize words and phrases, many at once."""
    if not words:
        return []
    text = normalize("\n".join([word.replace("\n", " ") for word in words])).text
    return [line.strip() for line in text[1:-1].split("\n")]


# A page asks for the same letters again and again. Bounded, because shoppers choose the letters.
@lru_cache(maxsize=4096)
def is_cjk(letter: str) -> bool:
    """Return whether a character is a Chinese, Japanese or Korean letter."""
    return letter >= "\u2e80" and _HAS_CJK.match(letter) is not None


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


@cache
def _traditional() -> re.Pattern[str]:
    """Return a pattern that finds the characters that conversion may change. It includes all rare Chinese letters."""
    letters = [chr(code) for code in (*range(0x2E80, 0x3000), *range(0x3400, 0xA000), *range(0xF900, 0xFB00))]
    simplified = _simplifier().convert("\n".join(letters)).split("\n")
    changed = [letter for letter, simple in zip(letters, simplified, strict=True) if letter != simple]
    return re.compile(f"[{''.join(changed)}{_IN_PHRASES}\U00020000-\U0003ffff]")


@cache
def _odd_characters() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return the table of single characters: odd spaces and hyphens become a space; others are removed."""
    table = dict.fromkeys(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)), " ")
    del table["\n"]
    invisible = (0xAD, *range(0x300, 0x370), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))
    table |= dict.fromkeys(map(chr, (*invisible, *range(0xFE00, 0xFE10), 0xFEFF, *map(ord, "'’‘`´ʼ"))), "")
    table |= dict.fromkeys("-‐‑‒–—―−_", " ") | dict.fromkeys("·•・", ",")
    for letter in map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))):
        base = unicodedata.normalize("NFD", letter)[0]
        if base.isascii():
            table[letter] = base
    table |= {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ё": "е", "٪": "%"}
    return re.compile(f"[{re.escape(''.join(table))}]"), table
