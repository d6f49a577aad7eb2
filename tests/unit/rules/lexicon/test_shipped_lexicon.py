"""The lexicon that ships: big enough, right by its own examples, and sound."""

from collections import Counter

from rules.evidence.vocabulary import terms
from rules.lexicon.load import Lexicon, load_lexicon
from rules.quality.check import check
from schemas.events import Tag


def test_it_has_the_categories_that_merchandisers_need(lexicon: Lexicon):
    counts = Counter(entry.category for entry in lexicon.entries.values())

    assert sum(counts.values()) >= 600
    kinds = "material style category pattern occasion season size care colour claim promotion name scene"
    assert set(counts) == set(kinds.split(" "))


def test_it_has_no_problem_that_the_check_finds(lexicon: Lexicon):
    """Every example passes, every word gives its tag, no word is claimed twice, no two tags look alike."""
    assert [str(problem) for problem in check(lexicon)] == []


def test_every_entry_has_examples(lexicon: Lexicon):
    worded = [entry for entry in lexicon.entries.values() if not (entry.seen and entry.wordless)]
    assert all(entry.no and (entry.yes or entry.ignored) for entry in worded)
    assert {entry.category for entry in lexicon.entries.values() if entry not in worded} == {"scene"}


def test_every_id_is_one_that_events_may_carry(lexicon: Lexicon):
    for entry in lexicon.entries.values():
        Tag(
            id=entry.id,
            category=entry.category,
            value=entry.value,
            labels={"en": entry.en, "zh": entry.zh},
            score=1,
            evidence=(),
        )


def test_promotions_are_never_tags(lexicon: Lexicon):
    assert all(entry.ignored for entry in lexicon.entries.values() if entry.category == "promotion")


def test_shopify_ids_are_shaped_like_shopifys(lexicon: Lexicon):
    """Category ids (`aa-1-13-8`) or friendly value ids (`material__cotton`)."""
    for entry in lexicon.entries.values():
        if entry.shopify is not None:
            assert entry.shopify.startswith("aa-") or "__" in entry.shopify, entry.id


def test_reading_it_twice_gives_the_same_version(lexicon: Lexicon):
    assert load_lexicon().version == lexicon.version
    assert len(lexicon.version) == 12


def test_every_generic_fibre_name_of_the_european_union_is_known(lexicon: Lexicon):
    """The names of EU 1007/2011 Annex I, tables 1 and 2."""
    named = (
        "wool alpaca llama camel cashmere mohair angora vicuna yak guanaco cashgora beaver otter silk "
        "cotton kapok flax "
        "hemp jute abaca alfa coir broom ramie sisal sunn henequen maguey acetate alginate cupro modal "
        "triacetate viscose acrylic chlorofibre fluorofibre modacrylic polyamide nylon aramid polyimide lyocell "
        "polylactide polyester polyethylene polypropylene polycarbamide polyurethane vinylal trivinyl elastodiene "
        "elastane elastomultiester elastolefin melamine"
    )
    known = {term.text for term in terms(lexicon) if term.kind in {"word", "beside_percent"}}

    assert [name for name in named.split(" ") if name not in known] == []
