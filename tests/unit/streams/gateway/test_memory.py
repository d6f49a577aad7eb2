"""The memory keeps the newest statuses for any order of messages, and answers every waiting caller."""

import asyncio
from datetime import UTC, datetime, timedelta

from outfits import outfit

from streams.gateway.memory import Memory
from streams.index.status import Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def memory(most: int = 3) -> Memory:
    return Memory(keep_s=60, most=most, clock=lambda: NOW)


def note(kept: Memory, upload_id: str, seconds_ago: float) -> Status:
    return kept.note(outfit(upload_id), NOW - timedelta(seconds=seconds_ago))


def test_the_uploads_that_changed_last_stay_though_older_messages_come_after_theirs():
    kept = memory()
    for number, seconds_ago in enumerate((1, 2, 3, 50, 40, 30)):
        note(kept, f"u{number}", seconds_ago)
    assert [kept.get(f"u{number}") is not None for number in range(6)] == [True, True, True, False, False, False]


def test_an_upload_that_changes_again_is_as_young_as_its_last_change():
    kept = memory()
    for number, seconds_ago in enumerate((50, 40, 30)):
        note(kept, f"u{number}", seconds_ago)
    note(kept, "u0", 1)
    note(kept, "u3", 20)
    assert [kept.get(f"u{number}") is not None for number in range(4)] == [True, False, True, True]


def test_no_upload_is_kept_longer_than_configured():
    kept = memory()
    note(kept, "old", 61)
    note(kept, "new", 1)
    assert (kept.get("old"), len(kept)) == (None, 1)


async def test_a_waiting_caller_gets_a_change_after_the_upload_left_the_memory():
    kept = memory(most=1)
    seen = note(kept, "u0", 50)
    waiting = asyncio.create_task(kept.other_than(seen, limit_s=30))
    await asyncio.sleep(0)
    note(kept, "u1", 1)
    assert kept.get("u0") is None
    assert not waiting.done()
    newer = note(kept, "u0", 0)
    assert await waiting == newer != seen


async def test_a_wait_without_a_change_ends_with_the_last_status():
    kept = memory()
    unknown = Status(upload_id="u9", changed_at=NOW)
    assert await kept.other_than(unknown, limit_s=0.01) == unknown


async def test_a_wait_ends_when_the_upload_is_dropped():
    kept = memory()
    unknown = Status(upload_id="u9", changed_at=NOW)
    waiting = asyncio.create_task(kept.other_than(unknown, limit_s=30))
    await asyncio.sleep(0)
    kept.drop(["u9"])
    assert await waiting is None


async def test_many_uploads_are_dropped_at_once():
    kept = memory(most=4)
    for number in range(4):
        note(kept, f"u{number}", number)
    waiting = asyncio.create_task(kept.other_than(kept.get("u1"), limit_s=30))
    await asyncio.sleep(0)
    kept.drop(["u1", "u3", "u9"])
    assert await waiting is None
    assert [kept.get(f"u{number}") is not None for number in range(4)] == [True, False, True, False]


def test_a_status_from_the_index_does_not_replace_a_newer_one_in_memory():
    kept = memory()
    here = note(kept, "u0", 1)
    kept.recall(Status(upload_id="u0", changed_at=NOW - timedelta(days=3)))
    assert kept.get("u0") == here
    before = Status(upload_id="u1", changed_at=NOW - timedelta(days=3), step="recognized", sha256="a" * 64)
    kept.recall(before)
    assert note(kept, "u1", 0).sha256 == "a" * 64
