"""What looks at a picture, in two calls, as an engine that reads it. Knows no particular model."""

from typing import Any, Protocol, TypeAlias, TypeVar

from ocr_worker.images.decode import DecodedPhoto
from schemas.events import Seen

#: What `prepare` hands to `look`: each looker's own business.
Prepared = TypeVar("Prepared")


class Looker(Protocol[Prepared]):
    """
    Something that tells what a photo shows, beside what reads it. Safe to call from many tasks at once.

    It never fails: one that cannot be reached, is late or answers nonsense has seen nothing.
    """

    def prepare(self, photo: DecodedPhoto) -> Prepared:
        """CPU work before the look: scaling, encoding."""

    async def look(self, prepared: Prepared) -> Seen | None:
        """Look at the photo, within the looker's own time limit; None if there is no answer."""

    async def aclose(self) -> None:
        """Free connections."""


#: For those who only pass things from one call to the next.
AnyLooker: TypeAlias = Looker[Any]
