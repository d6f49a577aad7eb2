"""The projector beside a stage: only where the process leads, and never the stage's end."""

import asyncio
from contextlib import suppress

from streams.config.settings import Settings
from streams.index import background
from streams.index.background import keep_indexing
from streams.kafka.reader import UnreadableTopicError
from streams.wiring.clock import now


async def test_the_task_runs_while_the_process_leads_and_continues_after_any_failure(monkeypatch):
    leads, runs = False, []
    failures = [UnreadableTopicError("no topic"), RuntimeError("nobody foresaw it")]

    class Projector:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def run(self, going) -> None:
            runs.append(going())
            if failures:
                raise failures.pop()

    monkeypatch.setattr(background, "Projector", Projector)
    monkeypatch.setattr(background, "_LOOK_S", 0.001)
    monkeypatch.setattr(background, "_AGAIN_S", 0.001)
    task = asyncio.create_task(keep_indexing(lambda: leads, settings=Settings(), now=now))
    await asyncio.sleep(0.05)
    assert runs == []
    leads = True
    async with asyncio.timeout(30):
        while len(runs) < 4:
            await asyncio.sleep(0.01)
    assert all(runs)
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
