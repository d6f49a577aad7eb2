"""The leader alone prunes the ledger of written events every hour, with any fault of the database."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select

from klaviyo_sink.state.database import open_database, reading
from klaviyo_sink.state.pruning import AT_ONCE
from klaviyo_sink.state.tables import written_events
from schemas.topics import topics
from streams.config.settings import Settings
from streams.wiring.beside_sync import keep_pruning

AT = datetime(2026, 11, 22, tzinfo=UTC)
KEPT = timedelta(days=36)


class Ledger:
    """A ledger in a database of its own."""

    def __init__(self, path) -> None:
        self.url = f"sqlite:///{path}/state.db"
        self.engine = open_database(self.url)

    def add(self, name, *, count, at):
        rows = [
            {"unique_id": f"{name}{one}", "shopper_id": "s1", "upload_id": f"{name}{one}", "written_at": at}
            for one in range(count)
        ]
        with self.engine.begin() as connection:
            connection.execute(insert(written_events), rows)

    def size(self):
        with reading(self.engine) as connection:
            return connection.execute(select(func.count()).select_from(written_events)).scalar_one()


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.engine.dispose()


async def run(url, *, hours, leads=lambda: True, on_sleep=lambda _passed: None):
    """Let so many hours pass, in no time."""
    passed = 0.0

    async def sleep(seconds):
        nonlocal passed
        passed += seconds
        on_sleep(passed)
        if passed >= hours * 3600:
            raise TimeoutError

    def now():
        return AT + timedelta(seconds=passed)

    with pytest.raises(TimeoutError):
        await keep_pruning(leads, url=url, kept_for=KEPT, now=now, sleep=sleep)


async def test_a_leader_drops_all_that_is_old_in_batches_and_looks_again_every_hour(ledger):
    ledger.add("old", count=AT_ONCE * 2 + 1, at=AT - KEPT - timedelta(days=1))
    ledger.add("soon", count=3, at=AT - KEPT + timedelta(minutes=90))
    ledger.add("new", count=2, at=AT)
    sizes = []
    await run(ledger.url, hours=1, on_sleep=lambda _passed: sizes.append(ledger.size()))
    assert sizes[0] == AT_ONCE + 6
    assert sizes[-1] == 5
    await run(ledger.url, hours=2.5)
    assert ledger.size() == 2


async def test_only_the_leader_prunes_and_a_new_one_does_so_at_once(ledger):
    ledger.add("old", count=1, at=AT - KEPT - timedelta(days=1))
    await run(ledger.url, hours=2, leads=lambda: False)
    assert ledger.size() == 1
    looks = []
    await run(ledger.url, hours=0.01, leads=lambda: len(looks) > 2, on_sleep=looks.append)
    assert ledger.size() == 0


async def test_a_database_that_fails_is_tried_again_soon(ledger, tmp_path):
    ledger.add("old", count=1, at=AT - KEPT - timedelta(days=1))
    ledger.engine.dispose()
    there, away = tmp_path / "state.db", tmp_path / "away.db"
    there.rename(away)
    there.mkdir()

    def mend(passed):
        if passed > 30 and away.exists():
            there.rmdir()
            away.rename(there)

    await run(ledger.url, hours=0.1, on_sleep=mend)
    assert ledger.size() == 0


def test_entries_outlast_every_topic_that_could_deliver_their_event_again():
    longest = max(topic.retention for topic in topics().all())
    assert timedelta(days=Settings().ledger_retention_days) > 2 * longest
    with pytest.raises(ValidationError):
        Settings(ledger_retention_days=topics().tags.retention.days)
