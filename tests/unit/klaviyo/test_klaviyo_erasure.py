"""Forgetting: here first, then at Klaviyo, by the one identifier it takes."""

import json
from dataclasses import replace

import pytest

from klaviyo_sink.client import KlaviyoClient, PrivateKey
from klaviyo_sink.erasure import clear, erase
from klaviyo_sink.naming import PropertyNames
from klaviyo_sink.sink import Written, open_sink
from schemas.events import Identity


@pytest.mark.parametrize("names", [{"external_id": "s1"}, {"email": "ada@shop.cn", "external_id": "s1"}])
async def test_a_forgotten_shopper_is_erased_and_does_not_come_back(
    config, clock, sandbox, outfit, forget_shopper, names
):
    identity = Identity(**names)
    sink = await open_sink(config, now=clock.now)
    await sink.sync(outfit("u1", identity=identity))
    forget_shopper(config.state_url)
    async with KlaviyoClient(config.url, PrivateKey(config.key), revision=config.revision, timeout_s=9) as client:
        assert await erase(client, identity) is True
        assert await erase(client, Identity(external_id="nobody")) is False
    assert await sink.sync(outfit("u1", identity=identity)) == Written("forgotten", "single", 0)
    assert await sink.sync(outfit("u2", identity=identity)) == Written("forgotten", "single", 0)
    await sink.aclose()
    state = await sandbox.state()
    assert (state["profiles"], state["events"], state["deletions"]) == ([], [], 1)


async def test_what_we_wrote_is_removed_and_the_rest_of_the_profile_stays(config, clock, sandbox, outfit):
    names = PropertyNames(aliases={"preferred_materials": "materials"})
    sink = await open_sink(replace(config, names=names), now=clock.now)
    await sink.sync(outfit("u1", identity=Identity(email="ada@shop.cn")))
    await sink.aclose()
    async with KlaviyoClient(config.url, PrivateKey(config.key), revision=config.revision, timeout_s=9) as client:
        theirs = {"email": "ada@shop.cn", "properties": {"loyalty": "gold"}}
        body = json.dumps({"data": {"type": "profile", "attributes": theirs}}).encode()
        await client.import_profile(body, by_profile_id=False)
        [before] = (await sandbox.state())["profiles"]
        assert set(before["properties"]) == {"loyalty", *names.every}
        assert await clear(client, Identity(email="ada@shop.cn"), names.every) is True
        assert await clear(client, Identity(external_id="nobody"), names.every) is False
    [after] = (await sandbox.state())["profiles"]
    assert after["properties"] == {"loyalty": "gold"}
