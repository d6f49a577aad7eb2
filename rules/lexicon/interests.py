"""Interests: what several uploads together say about a shopper, as data. Knows neither shoppers nor time."""

from typing import Annotated

from pydantic import Field

from rules.lexicon.entries import Data, Label
from schemas.events import TagId


class Interest(Data):
    """One rule: an upload counts for the interest if it has a tag of each group in `tags`."""

    id: TagId
    #: Display names.
    en: Label
    zh: Label
    tags: Annotated[tuple[Annotated[tuple[TagId, ...], Field(min_length=1)], ...], Field(min_length=1)]
    #: How many uploads must count for it.
    uploads: int = Field(default=2, ge=1)
    #: Only uploads of this many days before the given time count.
    days: int = Field(default=180, ge=1)

    def counted(self) -> tuple[str, ...]:
        """Return the tags that it counts."""
        return tuple(tag for group in self.tags for tag in group)
