"""
Parses the four notations in which HunyuanOCR writes the lines it found, to `Spot`s. Pure; knows no scores and no px.

    <ref>text</ref><quad>(x1,y1),(x2,y2)</quad>
    <quad><pos_x1><pos_y1><pos_x2><pos_y2></quad><ref>text</ref>
    text(x1,y1),(x2,y2)
    [{"box": [x1, y1, x2, y2], "text": "text"}]        ("bbox" too; fenced or not)

The model's own scorer accepts the same (Tencent-Hunyuan/HunyuanOCR: train_verl/reward/task_scorers/spotting.py).
With `skip_special_tokens: false` the tags of the first two are special tokens, which no photo can contain. Print that
looks like a tag is then ordinary text.
"""

import json
import math
import re
from collections.abc import Iterator

from ocr_worker.engines.vllm.lines import Spot, Spots, bounds_of

_SPECIAL = {
    "<｜hy_place▁holder▁no▁112｜>": "ref",
    "<｜hy_place▁holder▁no▁113｜>": "/ref",
    "<｜hy_place▁holder▁no▁110｜>": "quad",
    "<｜hy_place▁holder▁no▁111｜>": "/quad",
}
_LITERAL = {"<ref>": "ref", "</ref>": "/ref", "<quad>": "quad", "</quad>": "/quad"}
_OTHER_SPECIAL = re.compile(r"<｜hy_(?!place▁holder▁no▁11[0-3]｜)[^｜<>]{1,40}｜>")
_PAIR = r"\(\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)"
_TAIL = re.compile(_PAIR + r"\s*,\s*" + _PAIR)
_JSON_TEXT = re.compile(r'"text"\s*:\s*"((?:[^"\\]|\\.)*)"')
_JSON_START = re.compile(r"\s*(?:```(?:json)?\s*)?\[")
_BETWEEN = " \t\r\n,，;；"


def without_controls(text: str) -> str:
    """Remove special tokens that carry no lines (end of output, roles)."""
    return _OTHER_SPECIAL.sub("", text)


def markers(text: str) -> dict[str, str]:
    """Return the markers that this output uses: special tokens, literal tags, or none (empty)."""
    for alphabet in (_SPECIAL, _LITERAL):
        if any(marker in text for marker in alphabet):
            return alphabet
    return {}


def spots(text: str) -> Spots:
    """Parse an output in any of the notations. Never raises: `torn` says that a part of it is no line."""
    alphabet = markers(text)
    if alphabet:
        return _tagged(text, alphabet)
    if _JSON_START.match(text) and '"text"' in text:
        return _json(text)
    return _plain(text)


def _tagged(text: str, alphabet: dict[str, str]) -> Spots:
    found: list[Spot] = []
    pieces = list(_pieces(text, alphabet))
    torn = any(kind == "torn" for kind, _, _ in pieces)
    first = next((kind for kind, _, _ in pieces if kind != "torn"), "ref")
    second = "quad" if first == "ref" else "ref"
    at = 0
    while at < len(pieces):
        pair = pieces[at : at + 2]
        if [kind for kind, _, _ in pair] != [first, second]:
            torn = True
            at += 1
            continue
        at += 2
        start, end = next((a, b) for kind, a, b in pair if kind == "ref")
        corners = next(bounds_of(re.findall(r"\d+", text[a:b])) for kind, a, b in pair if kind == "quad")
        if corners is None or not text[start:end].strip():
            torn = True
        else:
            found.append(Spot(text[start:end].strip(), corners, (start, end)))
    return Spots(tuple(found), torn)


def _pieces(text: str, alphabet: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    """Yield each tagged piece as (kind, start, end); the kind is "torn" for an opening tag without a closing one."""
    tags = list(re.finditer("|".join(map(re.escape, alphabet)), text))
    for at, tag in enumerate(tags):
        kind = alphabet[tag[0]]
        if kind.startswith("/"):
            continue
        closing = tags[at + 1] if at + 1 < len(tags) else None
        if closing is not None and alphabet[closing[0]] == f"/{kind}":
            yield kind, tag.end(), closing.start()
        else:
            yield "torn", tag.end(), tag.end()


def _plain(text: str) -> Spots:
    # Match from the end, because the text may contain brackets: "ATLANTA (AP) Second(1,2),(3,4)" is one line.
    found: list[Spot] = []
    torn = False
    start = 0
    for tail in _TAIL.finditer(text):
        line = text[start : tail.start()]
        corners = bounds_of(list(tail.groups()))
        if corners is None or not line.strip(_BETWEEN):
            torn = True
        else:
            found.append(Spot(line.strip(), corners, (start, tail.start())))
        start = tail.end()
    return Spots(tuple(found), torn or bool(text[start:].strip(_BETWEEN)))


def _json(text: str) -> Spots:
    found: list[Spot] = []
    torn = False
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            item, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return Spots(tuple(found), torn=True)
        spot = _json_spot(item, text, at, end)
        if spot is None:
            torn = True
        else:
            found.append(spot)
        at = text.find("{", end)
    return Spots(tuple(found), torn or "]" not in text)


def _json_spot(item: dict[str, object], text: str, start: int, end: int) -> Spot | None:
    line, box = item.get("text"), item.get("box", item.get("bbox"))
    if not isinstance(line, str) or not line.strip() or not isinstance(box, list):
        return None
    numbers = [edge for edge in box if isinstance(edge, int | float) and math.isfinite(edge)]
    corners = bounds_of([str(int(edge)) for edge in numbers]) if len(numbers) == len(box) else None
    where = _JSON_TEXT.search(text, start, end)
    return None if corners is None else Spot(line.strip(), corners, where.span(1) if where else (start, end))
