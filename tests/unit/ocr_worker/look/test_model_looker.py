"""A look through a model's server: the request, good answers, every kind of bad one, and a server that is down."""

import base64
import re
from io import BytesIO

import jsonschema_rs
import pytest
from look_world import CATALOGUE, DRESS, look_at, looker
from PIL import Image

from ocr_worker.look.catalogue import NOT_VISIBLE
from ocr_worker.look.stand_in import LookStandIn


async def test_the_models_values_have_a_box_in_px_and_a_probability(draw):
    behaviour = LookStandIn(garments=[DRESS], picture={"scene": "beach"}, sure=0.8)
    seen = await look_at(looker(behaviour), draw((2000, 1000)))

    assert [(one.tag, one.score) for one in seen.values] == [
        ("category/dress", 0.8),
        ("colour/red", 0.8),
        ("scene/beach", 0.8),
    ]
    assert [one.bbox for one in seen.values] == [(400, 100, 1600, 900)] * 2 + [(0, 0, 2000, 1000)]
    assert (seen.engine.name, seen.engine.model) == ("look", "tiny")


async def test_the_request_is_one_that_any_server_with_openais_api_takes(draw):
    behaviour = LookStandIn(garments=[DRESS], key="k")
    await look_at(looker(behaviour, key="k"), draw((3000, 1500)))

    (body,) = behaviour.asked
    assert body.keys() == {
        *("model", "messages", "response_format", "max_tokens", "temperature", "seed", "logprobs", "top_logprobs")
    }
    system, user = body["messages"]
    assert "dress = It is dress" in system["content"]
    image, text = user["content"]
    assert text["type"] == "text"
    photo = Image.open(BytesIO(base64.b64decode(image["image_url"]["url"].partition(",")[2])))
    assert max(photo.size) <= 1024
    assert not photo.getexif()


def test_the_schema_of_an_answer_has_closed_lists_only():
    schema = CATALOGUE.schema
    jsonschema_rs.meta.validate(schema)
    check = jsonschema_rs.validator_for(schema)
    garment = {"box": [0, 0, 9, 9], **DRESS}
    assert check.is_valid({"garments": [garment], "scene": NOT_VISIBLE})
    assert not check.is_valid({"garments": [garment | {"age": "30"}], "scene": NOT_VISIBLE})
    assert not check.is_valid({"garments": [garment | {"colour": "any words"}], "scene": NOT_VISIBLE})
    assert not check.is_valid({"garments": [garment] * 5, "scene": NOT_VISIBLE})

    def types(part):
        if isinstance(part, dict):
            yield from [part["type"]] if "type" in part else []
            for value in part.values():
                yield from types(value)

    assert set(types(schema)) == {"object", "array", "integer"}


@pytest.mark.parametrize(
    "lie", ["unknown_value", "extra_field", "bad_box", "repetition", "cut", "loop", "refusal", "prose"]
)
async def test_an_invalid_answer_is_a_look_without_values(draw, lie):
    seen = await look_at(looker(LookStandIn(garments=[DRESS], picture={"scene": "beach"}, lie=lie)), draw())
    assert seen is not None
    assert seen.values == ()


@pytest.mark.parametrize("lie", ["no_logprobs", "not_json"])
async def test_an_answer_that_is_no_completion_is_no_look(draw, lie):
    assert await look_at(looker(LookStandIn(garments=[DRESS], lie=lie)), draw()) is None


async def test_a_slow_server_is_waited_for_no_longer_than_the_limit(draw):
    behaviour = LookStandIn(garments=[DRESS], seconds=3600)
    assert await look_at(looker(behaviour, timeout_s=0.05), draw()) is None


@pytest.mark.parametrize("behaviour", [LookStandIn(failure=500), LookStandIn(lie="cut", garments=[DRESS])])
async def test_after_failures_in_a_row_the_server_is_skipped_and_then_tried_once(draw, behaviour):
    now = [0.0]
    looks = looker(behaviour, clock=lambda: now[0])
    for _ in range(20):
        await look_at(looks, draw())
    assert len(behaviour.asked) == 5
    now[0] = 31.0
    await look_at(looks, draw())
    await look_at(looks, draw())
    assert len(behaviour.asked) == 6
    behaviour.failure = behaviour.lie = None
    behaviour.garments = [DRESS]
    now[0] = 62.0
    for _ in range(3):
        assert (await look_at(looks, draw())).values
    assert len(behaviour.asked) == 9


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_server_that_refuses_our_key_or_model_is_skipped_at_once(draw, status):
    behaviour = LookStandIn(failure=status)
    looks = looker(behaviour)
    for _ in range(3):
        assert await look_at(looks, draw()) is None
    assert len(behaviour.asked) == 1


async def test_the_key_and_the_picture_are_in_no_repr(draw):
    looks = looker(LookStandIn(), key="very-secret")
    assert "very-secret" not in repr(vars(looks))
    assert not re.search(r"jpeg=b", repr(vars(looks)))
