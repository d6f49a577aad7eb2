"""Which values a picture may show is data, and no value speaks of a person."""

import re
from pathlib import Path

import pytest

from rules.lexicon.aspects import SEEABLE, aspect_of, values_of
from rules.lexicon.load import Lexicon, load_lexicon, read_lexicon
from rules.lexicon.problems import LexiconError
from rules.quality.labelled import lines_of
from rules.tagger import Tagger
from schemas.events import Engine, Seen, SeenValue

PERSON = re.compile(
    r"\b(?:person|people|man|men|woman|women|boy|girl|child|children|kid|kids|baby|male|female|gender|age|aged|young|old"
    r"|adult|teen|skin|body|bodies|face|faces|hair|eye|eyes|thin person|fat|pregnan\w*|curv\w*|plus|petite|tall|race"
    r"|ethnic\w*|religio\w*|disab\w*|tattoo\w*|pretty|sexy|beaut\w*|height|weight|slimming)\b"
)
LOOK = '[colour]\nof = "garment"\nleast = 0.5\n'


def test_every_aspect_has_values_and_every_value_an_aspect(lexicon: Lexicon):
    names = {aspect.name for aspect in lexicon.aspects}
    assert names == {"category", "colour", "pattern", "neckline", "sleeve", "length", "fit", "scene", "occasion"}
    for name in names:
        values = list(values_of(name, lexicon.entries.values()))
        assert len(values) >= 4, name
        # The second half of the ids distinguishes the values of an aspect.
        assert len({entry.value for entry in values}) == len(values)
    assert {aspect_of(entry) for entry in lexicon.entries.values() if entry.seen} == names
    assert {entry.category for entry in lexicon.entries.values() if entry.seen} == SEEABLE


def test_no_value_that_may_be_seen_speaks_of_a_person(lexicon: Lexicon):
    for entry in lexicon.entries.values():
        if entry.seen:
            said = f"{entry.id} {entry.aspect or ''} {entry.description} {entry.en}".lower().replace("-", " ")
            assert not PERSON.search(said), entry.id
    for aspect in lexicon.aspects:
        assert not PERSON.search(aspect.name)


def read(tmp_path: Path, name: str, fields: str):
    (tmp_path / "look.toml").write_text(LOOK)
    path = tmp_path / f"{name}.toml"
    path.write_text(f'[one]\nen = "One"\nzh = "一"\n{fields}', encoding="utf-8")
    return read_lexicon([tmp_path / "look.toml", path])


def test_a_shop_adds_a_value_of_its_own(tmp_path: Path):
    lexicon = read(tmp_path, "colour", 'seen = true\ndescription = "Our blue"')
    assert [entry.id for entry in values_of("colour", lexicon.entries.values())] == ["colour/one"]


@pytest.mark.parametrize(
    ("name", "fields", "wrong"),
    [
        ("material", 'seen = true\ndescription = "Cotton"', "a material is never seen, only read"),
        ("size", 'seen = true\ndescription = "M"', "a size is never seen, only read"),
        ("colour", "seen = true", "'description' is missing"),
        ("style", 'seen = true\ndescription = "V"\naspect = "neck"', "there is no aspect 'neck'"),
        ("style", 'seen = true\ndescription = "V"', "there is no aspect 'style'"),
        ("colour", 'description = "Red"', "need seen = true"),
    ],
)
def test_a_value_that_cannot_be_seen_is_refused_with_its_place(tmp_path: Path, name: str, fields: str, wrong: str):
    with pytest.raises(LexiconError) as refused:
        read(tmp_path, name, fields)
    (problem,) = refused.value.problems
    assert problem.path.name == f"{name}.toml"
    assert wrong in problem.message


def test_a_shop_may_switch_an_aspect_off_and_its_values_give_no_tag(tmp_path: Path):
    (tmp_path / "look.toml").write_text("[colour]\noff = true\n")
    lexicon = load_lexicon(tmp_path)
    seen = Seen(
        engine=Engine(name="look", model="m", revision="r"),
        values=tuple(SeenValue(tag=tag, bbox=(0, 0, 9, 9), score=0.99) for tag in ("colour/red", "category/dress")),
    )

    found = Tagger(lexicon).tag((), seen)

    assert "colour" not in {aspect.name for aspect in lexicon.aspects}
    assert [tag.id for tag in found.tags] == ["category/dress"]
    assert {one.tag: one.reason for one in found.sightings} == {"colour/red": "not-seeable", "category/dress": None}
    # Text still gives the tag.
    assert "colour/red" in {tag.id for tag in Tagger(lexicon).tag(lines_of("RED DRESS")).tags}


def test_an_own_value_of_an_aspect_that_is_switched_off_is_no_mistake(tmp_path: Path):
    (tmp_path / "look.toml").write_text("[colour]\noff = true\n")
    own = '[our-blue]\nen = "Our blue"\nzh = "蓝"\nseen = true\ndescription = "Our blue"\n'
    (tmp_path / "colour.toml").write_text(own, encoding="utf-8")

    assert "colour/our-blue" in load_lexicon(tmp_path).entries
