"""The fields of a lexicon entry. Knows nothing about merging or matching."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.events import TagId
from schemas.steering import STEERING

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]
Texts = tuple[Text, ...]
#: A display name. It goes to pages, terminals and Klaviyo, so it contains no control characters.
Label = Annotated[str, StringConstraints(max_length=100, pattern=rf"^[^{STEERING}]*[^\s{STEERING}][^{STEERING}]*$")]


class Data(BaseModel):
    """The base of all models of lexicon files: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Data):
    """One rule of the lexicon: a tag, the words that give it and the phrases that do not."""

    id: TagId
    #: Display names.
    en: Label
    zh: Label
    #: Words that give the tag wherever they appear.
    words: Texts = ()
    #: Short or foreign fibre names that give the tag only next to a percentage or after a field name ("成分:").
    beside_percent: Texts = ()
    #: Common OCR misreadings of the words: a lower score; for materials only as `beside_percent`.
    misread: Texts = ()
    #: Phrases that contain a word and mean something else.
    traps: Texts = ()
    #: Words of `words` that count only in a line with other product words ("men", "女", "夏").
    in_company: Texts = ()
    #: Words of `words` that give no tag if one of `gives_way_to` is in the line: "长裙" next to "连衣裙", a belt next
    #: to a dress.
    weak: Texts = ()
    #: Tags, or `category/*`, that override the weak words.
    gives_way_to: tuple[str, ...] = ()
    #: The tag that an overridden weak word gives: "A字裙" next to "连衣裙" is a cut, not a skirt.
    instead: TagId | None = None
    #: Only gives the tags that it implies ("春夏": spring and summer), and is no tag itself.
    group: bool = False
    #: Tags that the upload gets together with this one.
    implies: tuple[TagId, ...] = ()
    #: The tag that a negated word gives ("do not tumble dry").
    opposite: TagId | None = None
    #: The same value in Shopify's product taxonomy (https://github.com/Shopify/product-taxonomy).
    shopify: Text | None = None
    #: Recognized so that nothing else is recognized in it, but never a tag.
    ignored: bool = False
    #: A fabric, knit or finish (denim, lace), not a fibre: on a composition label the fibres get the percentages.
    weave: bool = False
    #: Also given if it is the filling of the garment (down), not only its outside.
    filling: bool = False
    #: Says that the garment consists only of the material it implies ("纯棉"); a blend denies it.
    pure: bool = False
    #: Whether a look at the picture may give the tag; what the picture then shows, in a few English words; and the
    #: aspect that it is a value of, if that is not its category (`aspects.py`).
    seen: bool = False
    description: Label | None = None
    aspect: Text | None = None
    #: Texts that must give the tag, and texts that must not: they run as tests.
    yes: Texts = ()
    no: Texts = ()
    #: File and line of the entry.
    path: Path = Field(repr=False)
    line: int

    # Cached, because it is used for every word of every photo.
    @cached_property
    def category(self) -> str:
        """The id's first half."""
        return self.id.partition("/")[0]

    @property
    def wordless(self) -> bool:
        """Whether no text can give the tag, so that only a picture or another tag does."""
        return not (self.words or self.beside_percent or self.misread)

    @property
    def value(self) -> str:
        """The id's second half."""
        return self.id.partition("/")[2]
