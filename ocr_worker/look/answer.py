"""
Checks the answer of a look as foreign text, and takes its values out. Pure; never raises.

A server that follows the schema cannot give anything else. One that does not is not believed in part: an answer that is
cut, repeats itself, refuses, or holds a single unknown value or field is an answer without values.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from ocr_worker.look.catalogue import FULL, MOST_GARMENTS, NOT_VISIBLE, Aspect, Catalogue
from ocr_worker.look.choices import Chosen, probability

#: A box in thousandths: x1, y1, x2, y2.
Corners = tuple[int, int, int, int]
WHOLE: Corners = (0, 0, FULL, FULL)
#: A longer answer is a loop: four garments take a quarter of it.
_LONGEST = 8000
_MEMBER = re.compile(r'"([^"\\]*)"\s*:\s*"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Chose:
    """One value that was chosen: its tag, where, and its probability against its rivals."""

    tag: str
    box: Corners
    score: float


def values_in(
    content: str, tokens: Sequence[Chosen], finish_reason: str | None, catalogue: Catalogue
) -> list[Chose] | None:
    """Return the values of an answer that keeps to the catalogue; None for any other."""
    if finish_reason != "stop" or len(content) > _LONGEST:
        return None
    try:
        answer = from_json(content)
    except ValueError:
        return None
    members = list(_members(answer, catalogue))
    # All strings of a sound answer are members, in this order: so each has its place in the text.
    places = list(_MEMBER.finditer(content))
    known = [(aspect.name, value) for aspect, value, _ in filter(None, members)]
    start = "".join(token.text for token in tokens).find(content)
    if None in members or known != [(place[1], place[2]) for place in places] or start < 0:
        return None
    return [
        Chose(
            aspect.values[value].tag,
            box,
            probability(value, aspect.choices, tokens, start + place.start(2)),
        )
        for (aspect, value, box), place in zip(filter(None, members), places, strict=True)
        if value != NOT_VISIBLE
    ]


def _members(answer: Any, catalogue: Catalogue) -> Iterator[tuple[Aspect, str, Corners] | None]:
    """List what an answer says, in its own order; None wherever it does not keep to the catalogue."""
    pictured = {aspect.name: aspect for aspect in catalogue.of("picture")}
    if not isinstance(answer, dict) or answer.keys() != {"garments", *pictured}:
        yield None
        return
    for name, value in answer.items():
        if name == "garments":
            yield from _garments(value, {aspect.name: aspect for aspect in catalogue.of("garment")})
        else:
            yield _known(pictured[name], value, WHOLE)


def _garments(garments: Any, aspects: dict[str, Aspect]) -> Iterator[tuple[Aspect, str, Corners] | None]:
    if not isinstance(garments, list) or len(garments) > MOST_GARMENTS:
        yield None
        return
    for at, garment in enumerate(garments):
        box = _box(garment.get("box")) if isinstance(garment, dict) else None
        # The same garment twice is how a loop begins.
        if box is None or garment.keys() != {"box", *aspects} or garment in garments[:at]:
            yield None
            return
        for name, value in garment.items():
            if name != "box":
                yield _known(aspects[name], value, box)


def _known(aspect: Aspect, value: Any, box: Corners) -> tuple[Aspect, str, Corners] | None:
    known = isinstance(value, str) and (value == NOT_VISIBLE or value in aspect.values)
    return (aspect, value, box) if known else None


def _box(box: Any) -> Corners | None:
    """Take a box; one whose corners are out of order or hold nothing is as large as the picture."""
    if not isinstance(box, list) or len(box) != 4 or not all(type(edge) is int and 0 <= edge <= FULL for edge in box):  # noqa: PLR2004 - two corners
        return None
    x1, y1, x2, y2 = box
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else WHOLE
