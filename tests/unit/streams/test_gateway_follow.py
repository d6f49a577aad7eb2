"""A gateway that learns nothing any more does not live on."""

import asyncio

from streams.config.settings import Settings
from streams.gateway import follower as module
from streams.gateway.follower import Follower
from streams.gateway.memory import Memory


async def test_what_nobody_foresaw_ends_the_gateway(monkeypatch):
    def unforeseen(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(module, "follow", unforeseen)
    crashed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    follower = Follower(Settings(), Memory(keep_s=60, most=10), crash=crashed.set_result)
    follower.start()
    assert isinstance(await asyncio.wait_for(crashed, 10), RuntimeError)
    assert not follower.caught_up
    await follower.aclose()
