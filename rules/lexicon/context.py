"""Words that change the meaning of words next to them, as data: negations, garment parts. Matches nothing itself."""

from typing import Literal

from pydantic import Field

from rules.lexicon.entries import Data, Texts
from schemas.events import TagId


class Negation(Data):
    """Words that negate a tag word near them ("不含", "without", "-free", "-like")."""

    words: Texts
    #: On which side of the tag's word the negation is.
    stand: Literal["before", "after", "either"] = "before"
    #: Most CJK characters between the negation and the tag's word. For Latin words the limit is half of it.
    reach: int = Field(ge=0, le=8)
    #: The only category whose tags they negate; all if absent.
    of: str | None = None
    #: Whether they also negate the words that describe the negated one ("worn with black jeans").
    described: bool = False


class Part(Data):
    """Names of one part of a garment on composition labels ("里料", "lining")."""

    words: Texts
    #: Whether this is the main part of the garment.
    main: bool = False
    #: Whether this is the filling.
    filling: bool = False
    #: Whether the names stand only before their fabric ("lined with silk"): nothing before them belongs to it.
    leads: bool = False
    #: Tags whose words also name this part where "with" or "in" follows them: "fully lined with silk" names the inner
    #: fabric. Only for a part that leads.
    tags: tuple[TagId, ...] = ()
    #: Whether it is visible from outside: then a material named with it counts, but not its percentage.
    shows: bool = False


class Detail(Data):
    """Names of details of a garment ("insoles", "hood"), and what does not count next to them."""

    words: Texts
    #: Categories or tags that they override.
    of: tuple[str, ...]
    #: Those of them that they also override right before a garment: the material in "rubber sole boots".
    before_garment: tuple[str, ...] = ()


class Context(Data):
    """All data that decides about tags without being tags."""

    negations: dict[str, Negation] = Field(default_factory=dict)
    #: Answers that mean no to what is before their colon ("Wool: no").
    answers: dict[str, Texts] = Field(default_factory=dict)
    #: Goods other than clothes. "anywhere": the whole line is about them; "behind": the word before them is.
    goods: dict[Literal["anywhere", "behind"], Texts] = Field(default_factory=dict)
    #: Details of garments: a word that describes one is not about the garment.
    details: dict[str, Detail] = Field(default_factory=dict)
    #: Tags of garments that are parts of another one, by its tag: a description of a dress speaks of its skirt.
    components: dict[TagId, tuple[TagId, ...]] = Field(default_factory=dict)
    #: Phrases that look like a negation but are not ("非常", "not only").
    harmless: dict[str, Texts] = Field(default_factory=dict)
    parts: dict[str, Part] = Field(default_factory=dict)
    #: Names of fields before a composition ("成分", "fabric:").
    fields: dict[str, Texts] = Field(default_factory=dict)
    #: Trade words that are no tags ("设计", "panel"): a line with one is about products.
    trade: dict[str, Texts] = Field(default_factory=dict)
    #: Categories whose words are not everyday words: they count even alone in any line.
    telling: dict[str, Texts] = Field(default_factory=dict)
    #: Endings of the name of a part ("领子部分", "lining fabric").
    part_endings: dict[str, Texts] = Field(default_factory=dict)
    #: Words that may be between a percentage and its fibre ("of", "纯").
    fillers: dict[str, Texts] = Field(default_factory=dict)
    #: Words that continue a negation to the next word of a list ("和", "or").
    joiners: dict[str, Texts] = Field(default_factory=dict)
