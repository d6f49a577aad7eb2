"""
A lexicon prepared for searching: normalized terms in a matcher, negations, fillers, and the tags that each tag implies.

Built once per lexicon, in about 0.1 s. Knows the data, not the text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rules.evidence.local_words import LocalWords
from rules.evidence.negation import Negations
from rules.evidence.pairing import Figure
from rules.lexicon.entries import Entry
from rules.lexicon.load import Lexicon
from rules.text.compounds import Compounds
from rules.text.match import Kind, Matcher, Term
from rules.text.normalize import CJK, normal_words
from rules.text.repair import Repair
from schemas.events import Labels

#: The category whose tags have shares.
MATERIAL = "material"
#: A gap of at most three unknown words, or six unknown Chinese letters ("100% lenzing ecovero viscose").
_FEW_WORDS = re.compile(rf"[ :,()]*(?:[^\W\d_]{{1,20}}[ .()]*){{0,3}}|[ :,()]*[{CJK}]{{0,6}}[ :,()]*")


class Vocabulary:
    """A lexicon in the form that the tagger searches."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.entries = lexicon.entries
        self.parts = lexicon.context.parts
        words = list(terms(lexicon))
        local = list(local_terms(lexicon))
        self.matcher = Matcher([*words, *(term for _, term in local)])
        self.local_words = LocalWords(
            lexicon.languages,
            [(name, replace(term, kind="word")) for name, term in local],
            [entry.en for entry in self.entries.values()],
        )
        turnable = [tag for tag, entry in self.entries.items() if entry.opposite]
        self.negations = Negations(lexicon.context, words, turnable)
        self.labels = {tag_id: Labels(en=entry.en, zh=entry.zh) for tag_id, entry in self.entries.items()}
        #: Every tag that a tag implies, the tag itself first.
        self.brought = {
            tag_id: tuple(tag for tag in brought(tag_id, self.entries) if not self.entries[tag].group)
            for tag_id in self.entries
        }
        #: Categories whose words count even alone in a line.
        self.telling = frozenset(one for names in lexicon.context.telling.values() for one in names)
        #: Words that count only with other product words.
        self.in_company = frozenset(
            normal_words([word for entry in self.entries.values() for word in entry.in_company])
        )
        #: Parts that are not visible from outside, and may stand behind a word about them: "red lining".
        self.hidden = frozenset(
            name for name, part in self.parts.items() if not (part.main or part.filling or part.shows or part.leads)
        )
        #: The part that a part's name or a tag's word names when its fabric follows.
        self.leads = {owner: name for name, part in self.parts.items() if part.leads for owner in (name, *part.tags)}
        self.details = lexicon.context.details
        #: Weak words, with the tags that override them.
        self.weak = {
            form: frozenset(entry.gives_way_to)
            for entry in self.entries.values()
            if entry.weak
            for form in normal_words(list(entry.weak))
        }
        #: The garments of which a garment may be a part.
        self.part_of = _part_of(lexicon.context.components, self.brought)
        #: The words that may override others in their line, or be overridden.
        self.overriding = self.weak.keys() | {
            term.text
            for term in (*words, *(term for _, term in local))
            if term.kind in ("goods", "detail") or term.owner in self.hidden or term.owner in self.part_of
        }
        #: The material that a tag is about, if any.
        self.fibres = {
            tag_id: next(tag for tag in tags if self.entries[tag].category == MATERIAL)
            for tag_id, tags in self.brought.items()
            if any(self.entries[tag].category == MATERIAL for tag in tags)
        }
        #: The material of the words that may be in a composition: names of materials, and claims of purity.
        self.in_composition = {
            tag_id: fibre
            for tag_id, fibre in self.fibres.items()
            if self.entries[tag_id].category == MATERIAL or self.entries[tag_id].pure
        }
        self.repair = Repair(
            (token for term in words if term.kind != "misread" for token in term.text.split(" ")),
            (
                (term.text, self.fibres[term.owner])
                for term in words
                if term.owner in self.fibres and term.kind == "word"
            ),
            Compounds(
                [word for one in lexicon.languages for words in one.compounds.first.values() for word in words],
                [word for one in lexicon.languages for word in one.compounds.last],
            ),
        )
        #: Claims that a garment is of one fibre only.
        self.pure = [tag_id for tag_id, entry in self.entries.items() if entry.pure and tag_id in self.fibres]
        context = lexicon.context
        self._fillers = _only(r"\s:()|*<>=≥≤~", context.fillers)
        self._joiners = _only(r"\s:、/&+,.·()", context.joiners)
        self._endings = _only(r" ", context.part_endings)

    def fits(self, text: str, one: Figure, other: Figure) -> bool:
        """Return whether a percentage and a fibre belong together: only fillers are between them."""
        return self.is_filled(_between(text, one, other))

    def fits_loosely(self, text: str, one: Figure, other: Figure) -> bool:
        """Return whether a percentage and a fibre may belong together: at most a few unknown words are between them."""
        return _FEW_WORDS.fullmatch(_between(text, one, other)) is not None

    def is_filled(self, gap: str) -> bool:
        """Return whether a gap contains only fillers."""
        return gap in ("", " ") or self._fillers.fullmatch(gap) is not None

    def past_ending(self, text: str, stop: int) -> int:
        """Return the end of a part's name including a common ending: "领子部分", "lining fabric"."""
        found = self._endings.match(text, stop)
        return found.end() if found is not None and text[stop : found.end()].strip() else stop

    def is_list(self, gap: str) -> bool:
        """Return whether a gap joins two words of a list."""
        return self._joiners.fullmatch(gap) is not None


def terms(lexicon: Lexicon) -> Iterator[Term]:
    """Yield every word of a lexicon, normalized, with its purpose; without words that normalize to nothing."""
    claims: list[tuple[str, Kind, str]] = []
    for entry in lexicon.entries.values():
        claims += [(word, "ignored" if entry.ignored else "word", entry.id) for word in entry.words]
        claims += [(word, "beside_percent", entry.id) for word in entry.beside_percent]
        claims += [(word, "misread", entry.id) for word in entry.misread]
        claims += [(word, "trap", entry.id) for word in entry.traps]
    context = lexicon.context
    claims += [(word, "negation", name) for name, rule in context.negations.items() for word in rule.words]
    claims += [(word, "part", name) for name, part in context.parts.items() for word in part.words]
    claims += [(word, "field", language) for language, words in context.fields.items() for word in words]
    claims += [(word, "harmless", language) for language, words in context.harmless.items() for word in words]
    claims += [(word, "goods", where) for where, words in context.goods.items() for word in words]
    claims += [(word, "detail", name) for name, detail in context.details.items() for word in detail.words]
    claims += [(word, "trade", language) for language, words in context.trade.items() for word in words]
    categories = _categories(lexicon)
    for normal, (_, kind, owner) in zip(normal_words([claim[0] for claim in claims]), claims, strict=True):
        if normal:
            yield Term(normal, kind, owner, categories.get(owner, frozenset()))


def local_terms(lexicon: Lexicon) -> Iterator[tuple[str, Term]]:
    """Yield the words that count only in a text of their language, with that language."""
    claims = [
        (one.language, tag, word)
        for one in lexicon.languages
        for table in (one.local, one.compounds.first)
        for tag, words in table.items()
        for word in words
    ]
    categories = _categories(lexicon)
    for normal, (language, tag, _) in zip(normal_words([claim[2] for claim in claims]), claims, strict=True):
        yield language, Term(normal, "local", tag, categories[tag])


def _part_of(
    components: Mapping[str, Sequence[str]], brought: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """Return, by tag, the garments of which it may be a part; without tags that are none."""
    wholes = {
        tag: frozenset(
            whole for whole, parts in components.items() if whole not in tags and not set(parts).isdisjoint(tags)
        )
        for tag, tags in brought.items()
    }
    return {tag: of for tag, of in wholes.items() if of}


def _categories(lexicon: Lexicon) -> dict[str, frozenset[str]]:
    """Return the categories of the tags that each tag implies."""
    return {
        tag: frozenset(lexicon.entries[one].category for one in brought(tag, lexicon.entries))
        for tag in lexicon.entries
    }


def brought(tag_id: str, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield every tag that a tag implies, the tag itself first."""
    seen = {tag_id: None}
    queue = [tag_id]
    for tag in queue:
        new = [parent for parent in entries[tag].implies if parent not in seen]
        seen |= dict.fromkeys(new)
        queue += new
    return iter(seen)


def _between(text: str, one: Figure, other: Figure) -> str:
    return text[one.stop : other.start] if one.start < other.start else text[other.stop : one.start]


def _only(signs: str, words: Mapping[str, Sequence[str]]) -> re.Pattern[str]:
    """Compile a pattern that matches a gap of only these signs and words."""
    normal = normal_words([word for language in words.values() for word in language])
    choices = sorted({word for word in normal if word}, key=len, reverse=True)
    return re.compile(f"(?:[{signs}]" + "".join(f"|{re.escape(word)}" for word in choices) + ")*")
