"""`hangtag doctor look`: whether the server that looks at photos answers in the form that gives tags."""

import pytest
from doctor_world import serving
from pydantic import SecretStr

from ocr_worker.look.stand_in import LookStandIn, look_stand_in_app
from streams.operations.doctor import examine

KEY = "planted-look-key"


async def looked(settings, behaviour: LookStandIn, **changed: object):
    behaviour.key = KEY
    with serving(look_stand_in_app(behaviour)) as url:
        values = {"look_url": url, "look_key": SecretStr(KEY)} | changed
        found = [line async for line in examine(settings.model_copy(update=values), None, ("look",))]
    assert KEY not in repr(found)
    assert len(found) == 1
    return found[0]


async def test_without_a_server_nothing_is_wrong(settings):
    (line,) = [line async for line in examine(settings, None, ("look",))]
    assert (line.name, line.status) == ("look", "ok")
    assert "no photo is looked at" in line.finding


async def test_a_server_that_answers_by_the_schema_is_fine_and_gets_no_photo_of_a_shopper(settings):
    behaviour = LookStandIn(garments=[{"category": "dress"}])
    line = await looked(settings, behaviour)
    assert (line.status, len(behaviour.asked)) == ("ok", 1)
    assert settings.look_model in line.finding


@pytest.mark.parametrize(
    ("behaviour", "changed", "status", "advice"),
    [
        (LookStandIn(), {"look_key": SecretStr("another")}, "fail", "HANGTAG_LOOK_KEY"),
        (LookStandIn(failure=503), {}, "warn", "photos are read without looks"),
        (LookStandIn(failure=400), {}, "warn", "structured output"),
        (LookStandIn(seconds=5), {"look_timeout_s": 0.3}, "warn", "photos are read without looks"),
        (LookStandIn(lie="prose"), {}, "warn", "structured output"),
        (LookStandIn(garments=[{"category": "dress"}], lie="unknown_value"), {}, "warn", "structured output"),
        (LookStandIn(garments=[{"category": "dress"}], lie="no_logprobs"), {}, "warn", "logprobs"),
    ],
    ids=["another key", "full", "rejects the request", "slow", "prose", "unknown value", "no logprobs"],
)
async def test_each_fault_has_its_advice(settings, behaviour, changed, status, advice):
    line = await looked(settings, behaviour, **changed)
    assert line.status == status
    assert advice in line.advice


async def test_a_mistake_in_the_lexicon_is_no_fault_of_the_check(settings, tmp_path):
    (tmp_path / "material.toml").write_text("[cloud-cotton\n")
    behaviour = LookStandIn()
    line = await looked(settings, behaviour, lexicon=tmp_path)
    assert (line.name, line.status, behaviour.asked) == ("look", "warn", [])
    assert "material.toml" in line.finding
    assert "hangtag doctor lexicon" in line.advice
