"""
Finds sizes that no list of words can contain: "175/92A", "EU 38", "W32 L34", "75B", single letters after a size field.

Pure. Named sizes ("XL", "均码") are in the lexicon; here they only help to distinguish a size chart from a size.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from rules.text.page import Page


class Size(NamedTuple):
    """A size in `text[start:stop]` of a page. `value` is the second half of its tag id, `label` its display name."""

    start: int
    stop: int
    value: str
    label: str


_FIELD = (
    "(?:尺码|尺寸|号型|规格|码数|サイズ|사이즈|размер|size|sz|taille|talla|grosse|taglia|tamanho|maat|rozmiar|velikost"
    "|meret|marimea?|beden|storlek|storrelse)"
)
_NAMES_SIZE = re.compile(f"{_FIELD}|文胸|内衣|ブラ|(?<![a-z])bra(?![a-z])")
#: What follows a length, width or weight: "180*220cm", "30 x 40", "72 cm".
_DIMENSION = r" ?(?:[*x×] ?\d|cm|mm|厘米|公分|kg|克|g\b|ml|寸|米)"
#: Words about the size of another person: a model, or a recommendation by weight and height.
_SOMEBODY = re.compile(
    r"模特|试穿|身高|体重|建议|参考|麻豆|\d斤|适合|偏大|偏小|推荐|модел|モデル|着用|모델"
    r"|(?<![a-z])(?:models?|wears|wearing|shown in|manken|mannequin|indossa|modell(?:en|a)?|modelk[aey]|modelul"
    r"|(?:la|el|o|a) modelo|giymektedir|giyiyor)(?![a-z])"
)
#: One group for each notation of a size; its surroundings are checked afterwards.
_SIZE = re.compile(
    # No notation begins within a Latin word or a number. This is checked once, before all notations are tried.
    r"(?<![a-z\d/%])(?=[\dsmlxweutgcijdfrvb尺号型规码サ사р])(?:"
    r"(?:(?P<before>[sml])[ ,(]{1,2})?(?P<chinese>\d{2,3}/\d{2,3} ?[abcy])(?:[ ,(]{1,2}(?P<behind>[sml])(?!\w))?"
    r"|(?P<waist>w ?\d{2}[ /x]*l ?\d{2}|\d{2} ?w[ /x]*\d{2} ?l)"
    r"|(?P<region>(?:eur?|us|uk) ?:? ?\d{1,2}(?:[.,]5)?)"
    r"|(?P<age>\d{1,2} ?[~至到 ] ?\d{1,2} ?(?:个月|岁|months?|m|years?|yrs?|y))"
    r"|(?P<cup>\d{2}[a-g]{1,2})"
    r"|(?P<code>\d{2,3})码"
    r"|(?P<worldwide>(?:eur?|us|uk|ca|mx|int|cn|jp)[ :/]{1,3}(?:x?[sml]|xx?l))(?![\w/.&])"
    r"|(?P<petite>(?:xs|s|m|l|xl)/(?:tp|p|m|g|tg|ch|eg))(?![\w/])"
    r"|(?P<kana>[sml] ?(?:サイズ|사이즈))"
    rf"|{_FIELD}(?:[ :]+|(?<![a-z]))(?P<named>[sml]|\d{{2,3}})(?![\w/]|{_DIMENSION}))"
)
#: Notations that are a size only if the line is about sizes, or contains nothing else.
_DOUBTFUL = frozenset({"region", "age", "cup", "worldwide", "petite"})
_LETTERS = re.compile(r"(?<![\w&])(?:xxs|xs|s|m|l|xl|xxl|xxxl|[2-6]xl)(?![\w&])")
_NUMBER = re.compile(r"\d+(?:[.,]5)?")
#: Notations that contain a letter size, and that letter.
_LETTERED = frozenset({"worldwide", "petite", "kana"})
_LETTER = re.compile(r"(?<![a-z])(xs|s|m|l|xl|xxl)(?![a-z])")
#: Looks like a bra size; without a bra on the page it is a temperature for washing.
_TEMPERATURE = re.compile(r"(?:30|40|60|70|90|95)c")
_BRA = re.compile(
    "文胸|内衣|胸罩|罩杯|ブラ|브라|(?<![a-z])(?:bras?|cup|bralette|reggiseno|sujetador|soutien|bh)(?![a-z])"
)
#: Plausible sizes: each region's clothes and shoes; Chinese heights and girths in cm; bra bands.
_REGIONS = {"eu": (30, 62), "us": (0, 30), "uk": (1, 36)}
_HEIGHTS, _GIRTHS = range(50, 201), range(40, 141)
_BANDS = {*range(30, 46, 2), *range(60, 100, 5)}
#: A line with this many different letter sizes is a chart or a range ("S-XL").
_CHART_LINE = 2
#: A photo with this many different letter sizes shows a chart.
_CHART_PAGE = 3


def sizes_on(page: Page) -> Iterator[Size]:
    """Yield the sizes on a page."""
    text = page.text
    about_sizes = cache(lambda start: _about_sizes(text[start : text.index("\n", start)]))
    for found in _SIZE.finditer(text):
        form = found.lastgroup or ""
        start, stop = found.span()
        if _in_word(text[start - 1]) or _in_word(text[stop]):
            continue
        if form in _DOUBTFUL and not about_sizes(page.line_start(start)):
            continue
        if form == "cup" and _TEMPERATURE.match(found[0]) and not _BRA.search(text):
            continue
        for value, label in _read(found):
            yield Size(start, stop, value, label)


def somebody_elses(page: Page, line: int) -> bool:
    """Return whether the line that starts at a position is about the size of another person."""
    return _SOMEBODY.search(page.text, line, page.text.index("\n", line)) is not None


def chart_lines(page: Page) -> frozenset[int]:
    """Return the starts of lines whose letter sizes are a choice of sizes, not one garment's."""
    letters: dict[int, set[str]] = {}
    for found in _LETTERS.finditer(page.text):
        letters.setdefault(page.line_start(found.start()), set()).add(found[0])
    if len(set().union(*letters.values())) >= _CHART_PAGE:
        return frozenset(page.starts)
    return frozenset(start for start, said in letters.items() if len(said) >= _CHART_LINE)


def _in_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in "/%")


def _about_sizes(line: str) -> bool:
    return _NAMES_SIZE.search(line) is not None or not any(map(str.isalnum, _SIZE.sub(" ", line)))


def _read(found: re.Match[str]) -> Iterator[tuple[str, str]]:
    """Yield the value and the label of a size; nothing if its numbers are not plausible."""
    numbers = [number.replace(",", ".") for number in _NUMBER.findall(found[0])]
    if found["chinese"]:
        build = found["chinese"][-1]
        if int(numbers[0]) in _HEIGHTS and int(numbers[1]) in _GIRTHS:
            yield f"{numbers[0]}-{numbers[1]}{build}", f"{numbers[0]}/{numbers[1]}{build.upper()}"
    elif found["waist"]:
        yield f"w{numbers[0]}-l{numbers[1]}", f"W{numbers[0]} L{numbers[1]}"
    elif found["region"]:
        region = found["region"][:2]
        least, most = _REGIONS[region]
        if least <= float(numbers[0]) <= most:
            yield f"{region}-{numbers[0]}", f"{region.upper()} {numbers[0]}"
    elif found["age"]:
        unit, name = ("m", "months") if "m" in found["age"] or "月" in found["age"] else ("y", "years")
        yield f"{numbers[0]}-{numbers[1]}{unit}", f"{numbers[0]}-{numbers[1]} {name}"
    elif found["cup"]:
        if int(numbers[0]) in _BANDS:
            yield found["cup"], found["cup"].upper()
    else:
        letters = _LETTER.search(found[0]) if found.lastgroup in _LETTERED else None
        named = letters[0] if letters else found["code"] or found["named"]
        yield named, named.upper()
    letter = found["before"] or found["behind"]
    if letter:
        yield letter, letter.upper()
