"""Words that change what stands beside them, as data: negations, parts of a garment. Matches nothing itself."""

from typing import Literal

from pydantic import Field

from rules.lexicon.entries import Data, Texts


class Negation(Data):
    """Words that take away a tag beside them ("不含", "without", "-free", "-like")."""

    words: Texts
    #: On which side of the tag's word they stand.
    stand: Literal["before", "after", "either"] = "before"
    #: How far they reach: CJK characters, or half as many Latin words, between them and the tag's word.
    reach: int = Field(ge=0, le=8)
    #: The only category whose tags they take away; all of them when absent.
    of: str | None = None


class Part(Data):
    """Names of one part of a garment on composition labels ("里料", "lining")."""

    words: Texts
    #: Whether this is what the garment mainly consists of.
    main: bool = False
    #: Whether this is what it is stuffed with.
    filling: bool = False
    #: Whether it shows from outside: then a material named with it counts, but not its percentage.
    shows: bool = False


class Detail(Data):
    """Names of details of a garment ("insoles", "hood"), and what does not count beside them."""

    words: Texts
    #: Categories or tags that they take away.
    of: tuple[str, ...]


class Context(Data):
    """Everything that is not a tag but decides about tags."""

    negations: dict[str, Negation] = Field(default_factory=dict)
    #: Answers that say no to what stands before their colon ("Wool: no").
    answers: dict[str, Texts] = Field(default_factory=dict)
    #: Goods that are no clothes. "anywhere": the whole line is about them; "behind": the word before them is.
    goods: dict[Literal["anywhere", "behind"], Texts] = Field(default_factory=dict)
    #: Details of garments: what describes one says nothing of the garment.
    details: dict[str, Detail] = Field(default_factory=dict)
    #: Phrases that look like a negation and are none ("非常", "not only").
    harmless: dict[str, Texts] = Field(default_factory=dict)
    parts: dict[str, Part] = Field(default_factory=dict)
    #: Names of fields that announce a composition ("成分", "fabric:").
    fields: dict[str, Texts] = Field(default_factory=dict)
    #: Words of the trade that are no tags ("设计", "panel"): a line that has one speaks of products.
    trade: dict[str, Texts] = Field(default_factory=dict)
    #: Categories whose words are no everyday words: they count even alone in a line of other talk.
    telling: dict[str, Texts] = Field(default_factory=dict)
    #: What may end the name of a part ("领子部分", "lining fabric").
    part_endings: dict[str, Texts] = Field(default_factory=dict)
    #: What may stand between a percentage and its fibre ("of", "纯").
    fillers: dict[str, Texts] = Field(default_factory=dict)
    #: What carries a negation on to the next word of a list ("和", "or").
    joiners: dict[str, Texts] = Field(default_factory=dict)
