"""
Checks a model's answer as untrusted text, and returns its values. Pure; never raises.

A server that follows the schema can give only valid answers. Any other answer is dropped as a whole: one that is cut,
repeats itself, refuses, or has a single unknown value or field.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from ocr_worker.engines.vllm.chat import ChatToken
from ocr_worker.engines.vllm.lines import FULL, Corners
from ocr_worker.look.catalogue import MOST_GARMENTS, NOT_VISIBLE, Aspect, Catalogue
from ocr_worker.look.choices import probability

WHOLE: Corners = (0, 0, FULL, FULL)
#: Most characters of an answer. A longer one is a loop: four garments need a quarter of it.
_LONGEST = 8000
_MEMBER = re.compile(r'"([^"\\]*)"\s*:\s*"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Chose:
    """One value that the model chose: its tag, its box, and its probability relative to the other values."""

    tag: str
    box: Corners
    score: float


def values_in(
    content: str, tokens: Sequence[ChatToken], finish_reason: str | None, catalogue: Catalogue
) -> list[Chose] | None:
    """Return the values of an answer that follows the catalogue; None for any other."""
    if finish_reason != "stop" or len(content) > _LONGEST:
        return None
    try:
        answer = from_json(content)
    except ValueError:
        return None
    members = list(_members(answer, catalogue))
    # A valid answer contains no other strings than its members, in their order. So a search gives the position of each.
    places = list(_MEMBER.finditer(content))
    known = [(aspect.name, value) for aspect, value, _ in filter(None, members)]
    start = "".join(token.token for token in tokens).find(content)
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
    """Yield the members of an answer in its own order; None for each that is not in the catalogue."""
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
        # A loop begins with the same garment twice.
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
    """Return a box; the whole picture if its corners are in the wrong order or it is empty; None if it is no box."""
    if not isinstance(box, list) or len(box) != 4 or not all(type(edge) is int and 0 <= edge <= FULL for edge in box):  # noqa: PLR2004 - two corners
        return None
    x1, y1, x2, y2 = box
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else WHOLE
