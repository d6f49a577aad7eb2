"""
The closed list of values that a look may return: aspects of a garment or of the picture, each with its values. Pure.

`streams/wiring/look.py` makes it from the lexicon. There are no aspects of people, so a look cannot return anything
about a person: it returns only these values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ocr_worker.engines.vllm.lines import FULL

#: The value of an aspect that the picture does not show. It gives no tag.
NOT_VISIBLE = "not_visible"
#: Most garments that one look describes.
MOST_GARMENTS = 4


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an aspect: its tag, and what the picture shows if the value fits, in English."""

    tag: str
    description: str


@dataclass(frozen=True, slots=True)
class Aspect:
    """One question about a garment, or about the whole picture, with its values by name."""

    name: str
    of: Literal["garment", "picture"]
    values: Mapping[str, Value]

    @property
    def choices(self) -> tuple[str, ...]:
        """Every name that an answer may contain, in a fixed order."""
        return (*sorted(self.values), NOT_VISIBLE)


@dataclass(frozen=True)
class Catalogue:
    """All aspects. Immutable."""

    aspects: tuple[Aspect, ...]

    def of(self, what: Literal["garment", "picture"]) -> tuple[Aspect, ...]:
        """Return the aspects of a garment, or those of the picture."""
        return tuple(aspect for aspect in self.aspects if aspect.of == what)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """
        The JSON Schema of an answer: garments, each with a box and a value per aspect, and the aspects of the picture.

        It allows no free text. It uses only keywords that OpenAI's strict mode and vLLM's grammars support.
        """
        box = {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": FULL},
            "minItems": 4,
            "maxItems": 4,
        }
        garment = _object({"box": box} | {one.name: {"enum": list(one.choices)} for one in self.of("garment")})
        garments = {"type": "array", "items": garment, "maxItems": MOST_GARMENTS}
        picture = {one.name: {"enum": list(one.choices)} for one in self.of("picture")}
        return _object({"garments": garments} | picture)

    @cached_property
    def guide(self) -> str:
        """The meaning of each value, one aspect per line, for the instructions."""
        return "\n".join(
            f"{aspect.name} (of {'each garment' if aspect.of == 'garment' else 'the whole picture'}): "
            + "; ".join(f"{name} = {aspect.values[name].description}" for name in sorted(aspect.values))
            for aspect in self.aspects
        )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
