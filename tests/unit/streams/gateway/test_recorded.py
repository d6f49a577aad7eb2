"""What a gateway reads from the state database: a failure is a failure, and never an absent upload."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from klaviyo_sink.state import keyed
from klaviyo_sink.state.database import StateUnavailableError, open_database
from klaviyo_sink.state.tables import keyed_uploads
from schemas.steady_clock import now
from streams.config.settings import Settings
from streams.gateway import recorded as module
from streams.gateway.recorded import Recorded
from streams.kafka.reader import UnreadableTopicError


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(state_url=SecretStr(f"sqlite:///{tmp_path}/state.db"))


class FakeIndex:
    """An index without uploads."""

    positions: Mapping[object, int] = {}

    def entries(self, _upload_id: str) -> list[object]:
        assert not self.is_closed
        return []

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_a_database_that_cannot_be_read_is_not_an_unknown_upload(tmp_path):
    recorded = Recorded(Settings(state_url=SecretStr(f"sqlite:///{tmp_path}")))
    for _ in range(2):
        with pytest.raises(StateUnavailableError):
            recorded.known("u1")
    with pytest.raises(StateUnavailableError):
        recorded.positions()


def test_a_database_without_an_index_knows_no_upload(settings, monkeypatch):
    monkeypatch.setattr("streams.index.lookup.cluster_of", lambda _settings: "c")
    recorded = Recorded(settings)
    assert (recorded.positions(), recorded.known("u1")) == (None, None)
    open_database(settings.state_url.get_secret_value()).dispose()
    assert (recorded.positions(), recorded.known("u1")) == (None, None)


async def test_the_gateway_deletes_old_keys(settings, monkeypatch):
    engine = open_database(settings.state_url.get_secret_value())
    for upload_id, days in (("old", 9), ("new", 7)):
        at = now() - timedelta(days=days)
        keyed.begin(engine, upload_id=upload_id, shopper_id="s", sha256="0" * 64, at=at, patience=timedelta())
    failures, pauses = [StateUnavailableError("planted")], []
    prune = module.prune_old

    def fails_first(*arguments: Any) -> bool:
        if failures:
            raise failures.pop()
        return prune(*arguments)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(module, "prune_old", fails_first)
    recorded = Recorded(settings)
    with suppress(asyncio.CancelledError):
        await recorded.keep_pruning(sleep=sleep)
    with engine.connect() as connection:
        assert list(connection.execute(select(keyed_uploads.c.upload_id)).scalars()) == ["new"]
    assert pauses[0] < pauses[1]
    recorded.close()
    engine.dispose()


async def test_a_search_that_took_too_long_publishes_nothing(settings, monkeypatch):
    """Another gateway may have taken over the try meanwhile: both would publish the upload."""
    recorded, began = Recorded(settings), now()
    monkeypatch.setattr(recorded, "_was_published", lambda _posted: False)
    fresh = keyed.Try("again", "0" * 64, began, began=began)
    assert not await recorded.was_published(None, fresh)
    searched: list[object] = []
    monkeypatch.setattr(recorded, "_was_published", searched.append)
    stale = keyed.Try("again", "0" * 64, began, began=began - timedelta(minutes=1))
    with pytest.raises(StateUnavailableError, match="took too long"):
        await recorded.was_published(None, stale)
    assert not searched, "it is too old before the search"


def test_an_index_that_was_open_serves_statuses_while_kafka_is_away(settings, monkeypatch):
    opened = [FakeIndex()]

    def open_once(*_arguments: object, **_options: object) -> "FakeIndex":
        if not opened:
            raise UnreadableTopicError("no broker responds")
        return opened.pop()

    monkeypatch.setattr(module, "open_index", open_once)
    recorded = Recorded(settings)
    assert recorded.positions() == {}
    with pytest.raises(UnreadableTopicError):
        recorded.positions()
    assert recorded.known("u1") is None
