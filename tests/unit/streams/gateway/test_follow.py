"""A gateway follows the topics: it ends when it cannot, continues where it was, and drops forgotten shoppers."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.forgetting import forget
from schemas.codec import encode
from schemas.events import DeadLetter, Photo, PhotoUploaded
from streams.config.settings import Settings
from streams.erasure.guard import ForgottenShoppers
from streams.gateway import follower as module
from streams.gateway.follower import Follower
from streams.gateway.forgotten import ForgottenUploads
from streams.gateway.memory import Memory
from streams.gateway.recorded import Known
from streams.index.status import Status
from streams.kafka.reader import Seen, UnreadableTopicError
from streams.kafka.within import Within
from streams.runtime.dead_letters import letter_headers


async def test_an_unexpected_error_ends_the_gateway(monkeypatch):
    def unforeseen(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(module, "follow", unforeseen)
    crashed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
    follower = Follower(Settings(), Memory(keep_s=60, most=10), crash=crashed.set_result)
    follower.start()
    assert isinstance(await asyncio.wait_for(crashed, 10), RuntimeError)
    assert not follower.caught_up
    await follower.aclose()


NOW = datetime(2026, 11, 22, tzinfo=UTC)


def uploaded(shopper: str) -> Seen:
    event = PhotoUploaded(upload_id=shopper, shopper_id=shopper, uploaded_at=NOW, photo=Photo(uri="s3://b/u.jpg"))
    value, headers = encode(event, source="test")
    return Seen("outfit.uploads", 0, 0, time.time(), shopper.encode(), value, headers)


def died(shopper: str) -> Seen:
    letter = DeadLetter(
        topic="outfit.uploads",
        partition=0,
        offset=0,
        stage="recognize",
        exception_class="x",
        message="m",
        reason="bug",
        attempts=1,
    )
    headers = letter_headers([("ce_id", f"dead-{shopper}".encode())], letter)
    return Seen("outfit.uploads.dlq", 0, 0, time.time(), shopper.encode(), b"{", headers)


def died_under_another_key(shopper: str) -> Seen:
    letter = died(shopper)
    headers = [(name, shopper.encode() if name == "ce_id" else value) for name, value in letter.headers]
    return replace(letter, key=b"anything", value=uploaded(shopper).value, headers=headers)


class Index:
    """An index of uploads that grows while the follower reads."""

    def __init__(self, *positions: dict[tuple[str, int], int]) -> None:
        self._positions, self.entries = list(positions), dict[str, Known]()

    def positions(self) -> dict[tuple[str, int], int]:
        return self._positions.pop(0)

    def known(self, upload_id: str) -> Known | None:
        return self.entries.get(upload_id)


async def test_after_a_failure_it_continues_where_it_was_and_not_where_the_index_is(monkeypatch):
    parts: list[Within] = []
    continued = asyncio.Event()
    loop = asyncio.get_running_loop()

    def follow(*_: object, within: Within, going, **__: object):
        parts.append(replace(within, starts=dict(within.starts)))
        if len(parts) == 1:
            yield replace(uploaded("anna"), partition=1, offset=6)
            raise UnreadableTopicError("planted")
        loop.call_soon_threadsafe(continued.set)
        while going():
            time.sleep(0.01)

    monkeypatch.setattr(module, "follow", follow)
    monkeypatch.setattr(module, "_PAUSE_S", 0)
    first, later = {("outfit.uploads", 0): 3, ("outfit.uploads", 1): 5}, {("outfit.uploads", 0): 40}
    memory = Memory(keep_s=60, most=10)
    follower = Follower(Settings(), memory, crash=lambda _: None, recorded=Index(first, later))
    follower.start()
    await asyncio.wait_for(continued.wait(), 10)
    assert [part.starts for part in parts] == [first, {("outfit.uploads", 0): 3, ("outfit.uploads", 1): 7}]
    assert memory.get("anna") is not None
    await follower.aclose()


async def test_an_upload_recalled_from_the_index_goes_when_one_of_its_shoppers_there_is_forgotten(
    monkeypatch, tmp_path
):
    url = f"sqlite:///{tmp_path}/state.db"
    engine = open_database(url)
    followed = asyncio.Event()

    def follow(*_: object, going, caught_up, **__: object):
        yield uploaded("stays")
        caught_up()
        while going():
            time.sleep(0.01)

    monkeypatch.setattr(module, "follow", follow)
    memory, ledger = Memory(keep_s=60, most=10), ForgottenShoppers(url, clock=iter(range(0, 10_000, 100)).__next__)
    owners, index = ForgottenUploads(memory, ledger), Index({})
    index.entries["stays"] = Known(Status(upload_id="stays", changed_at=NOW), frozenset({"goes"}))
    follower = Follower(Settings(), memory, crash=lambda _: None, ledger=ledger, owners=owners, recorded=index)
    follower._caught_up = followed.set
    follower.start()
    await asyncio.wait_for(followed.wait(), 10)
    assert not await owners.hides("stays")
    forget(engine, "goes", at=NOW)
    assert await owners.hides("stays")
    await follower.aclose()
    ledger.close()
    engine.dispose()


async def test_a_gateway_that_starts_learns_nothing_of_a_forgotten_shopper_and_drops_who_is_forgotten_later(
    monkeypatch, tmp_path
):
    url = f"sqlite:///{tmp_path}/state.db"
    engine = open_database(url)
    forget(engine, "gone", at=NOW)
    seen = [
        one
        for shopper in ("gone", "stays", "goes")
        for one in (uploaded(shopper), died(shopper), died_under_another_key(shopper))
    ]
    followed = asyncio.Event()

    def follow(*_: object, going, caught_up, **__: object):
        yield from seen
        caught_up()
        while going():
            time.sleep(0.01)

    monkeypatch.setattr(module, "follow", follow)
    memory, ledger = Memory(keep_s=60, most=10), ForgottenShoppers(url, clock=iter(range(0, 10_000, 100)).__next__)
    owners = ForgottenUploads(memory, ledger)
    follower = Follower(Settings(), memory, crash=lambda _: None, ledger=ledger, owners=owners)
    follower._caught_up = followed.set
    follower.start()
    await asyncio.wait_for(followed.wait(), 10)
    assert {one for one in ("gone", "dead-gone", "stays", "dead-stays", "goes") if memory.get(one)} == {
        "stays",
        "dead-stays",
        "goes",
    }
    watched = memory.get("goes")
    waiting = asyncio.create_task(memory.other_than(watched, limit_s=10))
    forget(engine, "goes", at=NOW)
    dropping = asyncio.create_task(owners.keep_dropping())
    # A stream of it ends.
    assert await waiting is None
    assert [memory.get(one) for one in ("goes", "dead-goes")] == [None, None]
    assert memory.get("stays") is not None
    dropping.cancel()
    await follower.aclose()
    ledger.close()
    engine.dispose()
