"""
prosody-events: a Rust consumer, a task for each message, in order per key; its output is acknowledged before the next.

It needs a Cassandra in every mode, with a real Kafka: without one the client ends as it is made. Name it by
PROSODY_CASSANDRA_NODES. That is where it keeps timers and what it retries later.

Its guarantees are less than ours. It reads JSON only: what is no JSON, or has no key, never reaches the handler. Nor do
headers. Without `defer` a failing key blocks its partition.
"""

import asyncio
import json
from typing import Any

from job import BOOTSTRAP, GROUP, SOURCE, TARGET, work
from prosody import Context, EventHandler, ExciseMessage, Message, ProsodyClient, Timer

from schemas.emitter import Emitter


class Handler(EventHandler):
    """Does the job."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter

    async def on_message(self, _context: Context, message: Message[Any]) -> None:
        """Work on a message, and wait until its output is acknowledged."""
        key, value, headers = work(json.dumps(message.payload).encode())
        refused = await self._emitter.send(TARGET, key=key, value=value, headers=headers)
        if refused is not None:
            raise RuntimeError(refused.message)

    async def on_excise(self, _context: Context, _message: ExciseMessage) -> None:
        """Do nothing: the lane holds no such message."""

    async def on_timer(self, _context: Context, _timer: Timer) -> None:
        """Do nothing: no timer is set."""


async def main() -> None:
    """Run until killed."""
    client = await ProsodyClient.create(
        bootstrap_servers=BOOTSTRAP,
        group_id=GROUP,
        subscribed_topics=SOURCE,
        source_system=f"{GROUP}-source",
        max_concurrency=256,
        max_uncommitted=512,
        defer_enabled=False,
        monopolization_enabled=False,
        probe_port=None,
    )
    await client.subscribe(Handler(Emitter({"bootstrap.servers": BOOTSTRAP})))
    await asyncio.Event().wait()


asyncio.run(main())
