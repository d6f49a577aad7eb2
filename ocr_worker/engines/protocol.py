"""
The protocol of every engine: three calls, so that CPU work does not occupy an engine's slot.

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

#: `prepare` returns `Prepared` for `recognize`, which returns `Raw` for `finish`. Each engine defines its own types.
Prepared = TypeVar("Prepared")
Raw = TypeVar("Raw")


@dataclass(frozen=True, slots=True)
class Lines:
    """
    The lines of one photo in reading order; boxes are px of the upright original.

    `flaws` say which part the engine could not read, or how it had to change the photo. The lines are usable anyway.
    """

    lines: tuple[TextLine, ...]
    flaws: frozenset[Flaw] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Unfinished(Generic[Prepared]):
    """The engine has read a part of the photo. It continues from `rest` after waiting photos had their turn."""

    rest: Prepared


class OcrEngine(Protocol[Prepared, Raw]):
    """
    Reads text in photos. Safe to call from many tasks at once.

    Bad output (garbage, a loop, nothing) is returned as `Lines`. An engine that is unreachable, is misconfigured or
    rejects the photo returns that as a value. It never raises.
    """

    @property
    def info(self) -> EngineInfo:
        """Name, model and revision, for every result."""

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Do the CPU work before the engine: scaling, contrast, encoding."""

    async def recognize(self, prepared: Prepared) -> Raw | Unfinished[Prepared] | Refused | Later | Misconfigured:
        """Do the engine's work. Called for at most as many photos at once as there are slots."""

    def finish(self, raw: Raw, photo: DecodedPhoto) -> Lines:
        """Do the CPU work after the engine: parsing, mapping boxes to the original."""

    async def aclose(self) -> None:
        """End threads and close connections."""


#: An engine for callers that only pass values from one call to the next.
AnyEngine: TypeAlias = OcrEngine[Any, Any]
