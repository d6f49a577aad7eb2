"""The closed list of a look, made from the lexicon; and that nothing of it loads where nothing looks."""

import json
import subprocess
import sys
from typing import Any

import jsonschema_rs
import pytest

from ocr_worker.look.catalogue import NOT_VISIBLE, Catalogue
from ocr_worker.look.chat import look_request
from ocr_worker.look.main_colour import COLOURS, MainColourLooker
from ocr_worker.look.model import ModelLooker
from rules.lexicon.aspects import SEEABLE
from rules.lexicon.load import Lexicon, load_lexicon
from streams.config.settings import Settings
from streams.wiring.look import catalogue_of, make_looker


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.fixture(scope="module")
def catalogue(lexicon: Lexicon) -> Catalogue:
    return catalogue_of(lexicon)


def enums(part: Any) -> list[list[str]]:
    if isinstance(part, dict):
        own = [part["enum"]] if "enum" in part else []
        return own + [one for value in part.values() for one in enums(value)]
    return []


def test_every_value_of_the_schema_is_a_tag_of_the_lexicon_that_may_be_seen(catalogue: Catalogue, lexicon: Lexicon):
    tags = {value.tag for aspect in catalogue.aspects for value in aspect.values.values()}
    assert tags == {entry.id for entry in lexicon.entries.values() if entry.seen}
    assert {tag.partition("/")[0] for tag in tags} == SEEABLE
    every = enums(catalogue.schema)
    assert len(every) == len(catalogue.aspects)
    assert all(one[-1] == NOT_VISIBLE and len(set(one)) == len(one) for one in every)


def test_the_schema_knows_nothing_of_a_person(catalogue: Catalogue):
    garment = catalogue.schema["properties"]["garments"]["items"]["properties"]
    assert set(garment) == {"box", "category", "colour", "pattern", "neckline", "sleeve", "length", "fit"}
    assert set(catalogue.schema["properties"]) == {"garments", "scene", "occasion"}


def test_the_schema_is_sound_and_small_enough_for_strict_servers(catalogue: Catalogue):
    jsonschema_rs.meta.validate(catalogue.schema)
    # OpenAI's limits for structured output: 1,000 enum values in all, 15,000 characters in an enum of over 250.
    assert sum(len(one) for one in enums(catalogue.schema)) <= 1000
    body = look_request(b"", "m", catalogue)
    # The instructions of one photo, without the photo: about 3,000 tokens.
    assert len(json.dumps(body)) < 20_000


def test_the_colours_found_without_a_model_are_values_of_the_lexicon(catalogue: Catalogue):
    (colours,) = (aspect for aspect in catalogue.aspects if aspect.name == "colour")
    assert set(COLOURS) <= colours.values.keys()


async def test_one_setting_each_turns_looks_on():
    assert make_looker(Settings()) is None
    assert isinstance(make_looker(Settings(look_colour=True)), MainColourLooker)
    looker = make_looker(Settings(look_url="http://127.0.0.1:9", look_colour=True))
    assert isinstance(looker, ModelLooker)
    await looker.aclose()


def test_the_key_is_a_secret():
    assert "very-secret" not in repr(Settings(look_key="very-secret"))


def test_a_worker_without_a_look_loads_no_module_of_it():
    code = (
        "import sys; from streams.config.settings import Settings; from streams.wiring.look import make_looker;"
        "make_looker(Settings());"
        "print([one for one in sys.modules if one.startswith(('ocr_worker', 'rules', 'cv2', 'httpx'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
