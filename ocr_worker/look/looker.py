"""The interface of a looker, which finds what a picture shows in two calls, as engines do. Knows no model."""

from typing import Any, Protocol, TypeAlias, TypeVar

from ocr_worker.images.decode import DecodedPhoto
from schemas.events import Seen

#: What `prepare` passes to `look`; each looker has its own type.
Prepared = TypeVar("Prepared")


class Looker(Protocol[Prepared]):
    """
    Finds what a photo shows, in addition to the engine that reads its text. Many tasks may call it at once.

    It never fails: if its model cannot be reached, is late or returns nonsense, it has seen nothing.
    """

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """Do the CPU work before the look: scale and encode."""

    async def look(self, prepared: Prepared) -> Seen | None:
        """Look at the photo, within the looker's own time limit; None if there is no answer."""

    async def aclose(self) -> None:
        """Close the connections."""


#: For code that only passes values from one call to the next.
AnyLooker: TypeAlias = Looker[Any]
