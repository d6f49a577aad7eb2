"""Forgetting: here first, then at Klaviyo, by the one identifier it takes."""

import pytest

from klaviyo_sink.client import KlaviyoClient, PrivateKey
from klaviyo_sink.erasure import erase
from klaviyo_sink.sink import Written, open_sink
from schemas.events import Identity


@pytest.mark.parametrize("names", [{"external_id": "s1"}, {"email": "ada@shop.cn", "external_id": "s1"}])
async def test_a_forgotten_shopper_is_erased_and_does_not_come_back(config, clock, sandbox, outfit, names):
    identity = Identity(**names)
    sink = await open_sink(config, now=clock.now)
    await sink.sync(outfit("u1", identity=identity))
    await sink.forget("s1")
    async with KlaviyoClient(config.url, PrivateKey(config.key), revision=config.revision, timeout_s=9) as client:
        assert await erase(client, identity) is True
        assert await erase(client, Identity(external_id="nobody")) is False
    assert await sink.sync(outfit("u1", identity=identity)) == Written("forgotten", "single", 0)
    assert await sink.sync(outfit("u2", identity=identity)) == Written("forgotten", "single", 0)
    await sink.aclose()
    state = await sandbox.state()
    assert (state["profiles"], state["events"], state["deletions"]) == ([], [], 1)
