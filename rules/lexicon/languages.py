"""
The content of a language's file (`languages/de.toml`): its words for tags, parts and negations. Matches nothing itself.

One file per language keeps everything that Hangtag knows of it in one place; docs/rules.md has the table.
"""

import re
from collections.abc import Sequence

from pydantic import Field

from rules.lexicon.entries import Data, Texts
from schemas.events import TagId

_VOWEL = re.compile("[aeiouhàâéèêëîïôùûü]", re.IGNORECASE)


class Compounds(Data):
    """Halves of compound nouns ("Woll" + "mantel"), which are written as one word."""

    #: First halves, by the tag that they give.
    first: dict[TagId, Texts] = Field(default_factory=dict)
    #: Last halves, with their inflections.
    last: Texts = ()


class Language(Data):
    """The words of one language."""

    #: As in BCP 47: `de`, `pt`.
    language: str
    #: Everyday words that show that a text is in this language.
    cues: Texts = ()
    #: Short words that join a word that begins with a vowel: "l'" and "d'" of "l'été".
    elisions: Texts = ()
    #: Words by tag, which give it in any text.
    words: dict[TagId, Texts] = Field(default_factory=dict)
    #: Words by tag that mean something else in another language ("robe", "rock"): only in a text in this language.
    local: dict[TagId, Texts] = Field(default_factory=dict)
    #: Short fibre names by tag: only next to a percentage.
    beside_percent: dict[TagId, Texts] = Field(default_factory=dict)
    #: Phrases by tag that contain a word and mean something else.
    traps: dict[TagId, Texts] = Field(default_factory=dict)
    #: What the language adds to the parts and negations of `Context`, by their names.
    parts: dict[str, Texts] = Field(default_factory=dict)
    negations: dict[str, Texts] = Field(default_factory=dict)
    #: What the language adds to the other tables of `Context`: one list for each.
    fields: Texts = ()
    fillers: Texts = ()
    joiners: Texts = ()
    trade: Texts = ()
    compounds: Compounds = Compounds()

    def with_elisions(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words, and each word that begins with a vowel once more behind each elision."""
        melted = [f"{short}{word}" for word in words if _VOWEL.match(word) for short in self.elisions]
        return (*words, *melted)
