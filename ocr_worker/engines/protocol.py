"""
What every engine does, in three calls, so that CPU work runs beside the engine and not inside its slot.

    prepare  (CPU, any thread)  ->  recognize  (the engine; one slot)  ->  finish  (CPU, any thread)

Knows no particular engine.
"""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from ocr_worker.images.decode import DecodedPhoto
from ocr_worker.result import Flaw, Refused
from schemas.events import Engine as EngineInfo
from schemas.events import TextLine
from schemas.outcomes import Later, Misconfigured

#: What `prepare` hands to `recognize`, and `recognize` to `finish`: each engine's own business.
Prepared = TypeVar("Prepared")
Raw = TypeVar("Raw")


@dataclass(frozen=True, slots=True)
class Lines:
    """
    The lines of one photo in reading order; boxes are px of its upright original.

    `flaws` say what kept the engine from reading all of it as it stands: what there is may be used.
    """

    lines: tuple[TextLine, ...]
    flaws: frozenset[Flaw] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Unfinished(Generic[Prepared]):
    """The engine has read a part of the photo. It goes on from `rest` once the photos that wait had their turn."""

    rest: Prepared


class OcrEngine(Protocol[Prepared, Raw]):
    """
    Something that reads text. Safe to call from many tasks at once.

    Bad output (garbage, a loop, nothing) is `Lines`, never an exception; an engine that cannot be reached or used
    just now, or will not take this photo, says so by value.
    """

    @property
    def info(self) -> EngineInfo:
        """What goes into every result."""

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """CPU work before the engine: scaling, contrast, encoding."""

    async def recognize(self, prepared: Prepared) -> Raw | Unfinished[Prepared] | Refused | Later | Misconfigured:
        """Do the engine's own work. Called for at most as many photos at once as there are slots."""

    def finish(self, raw: Raw, photo: DecodedPhoto) -> Lines:
        """CPU work after the engine: parsing, mapping boxes to the original."""

    async def aclose(self) -> None:
        """Free threads and connections."""


#: For those who only pass things from one call to the next.
AnyEngine: TypeAlias = OcrEngine[Any, Any]
