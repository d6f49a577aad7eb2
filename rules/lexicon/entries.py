"""What a lexicon entry may say. Knows nothing of merging or matching."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.events import TagId
from schemas.steering import STEERING

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]
Texts = tuple[Text, ...]
#: A name for people: it goes to pages, terminals and Klaviyo, so it holds nothing that steers them.
Label = Annotated[str, StringConstraints(max_length=100, pattern=rf"^[^{STEERING}]*[^\s{STEERING}][^{STEERING}]*$")]


class Data(BaseModel):
    """What people write in lexicon files: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Data):
    """One rule of the lexicon: a tag, the words that give it and the phrases that do not."""

    id: TagId
    #: Names for people.
    en: Label
    zh: Label
    #: Give the tag wherever they stand as words.
    words: Texts = ()
    #: Short or foreign fibre names: give it only beside a percentage or after a field name ("成分:").
    beside_percent: Texts = ()
    #: What OCR makes of the words: a lower score; materials only as `beside_percent`.
    misread: Texts = ()
    #: Phrases that contain a word and mean something else.
    traps: Texts = ()
    #: Those of the words that count only in a line that says more of products ("men", "女", "夏").
    in_company: Texts = ()
    #: Those of the words that name no thing of their own where one of `gives_way_to` stands in the line: "长裙" beside
    #: "连衣裙", a belt beside a dress.
    weak: Texts = ()
    #: Tags, or `category/*`, that the weak words give way to.
    gives_way_to: tuple[str, ...] = ()
    #: The tag that a weak word gives where it gives way: "A字裙" beside "连衣裙" is a line, no skirt.
    instead: TagId | None = None
    #: Only gives the tags that it implies ("春夏": spring and summer), and is no tag itself.
    group: bool = False
    #: Tags that come along.
    implies: tuple[TagId, ...] = ()
    #: The tag that a negated word gives ("do not tumble dry").
    opposite: TagId | None = None
    #: The same idea in Shopify's product taxonomy (https://github.com/Shopify/product-taxonomy).
    shopify: Text | None = None
    #: Recognized so that nothing else is, but never a tag.
    ignored: bool = False
    #: A fabric, knit or finish (denim, lace) and no fibre: on a composition label the fibres take the percentages.
    weave: bool = False
    #: Given also when it fills the garment (down), not only when it is its outside.
    filling: bool = False
    #: Says that the garment is of nothing else than the material it implies ("纯棉"); a blend takes it away.
    pure: bool = False
    #: Whether a look at the picture may give the tag; what the picture then shows, in a few English words; and the
    #: aspect that it is a value of, if that is not its category (`aspects.py`).
    seen: bool = False
    description: Label | None = None
    aspect: Text | None = None
    #: Texts that must give the tag, and texts that must not: they run as tests.
    yes: Texts = ()
    no: Texts = ()
    #: Where it was read.
    path: Path = Field(repr=False)
    line: int

    @property
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
