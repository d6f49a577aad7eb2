"""From a photo to the sandbox's profile: recognize, tag and sync as they run, before any pool of OCR workers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from traced_chain import Chain, Topics, photo

from klaviyo_sink.sandbox.app import create_app as create_klaviyo
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from ocr_worker.pool.pool import OcrPool
from schemas.codec import decode
from schemas.events import OutfitTagged, TextRecognized
from schemas.spans import NO_SPANS
from streams.config.settings import Settings
from streams.wiring import stages
from streams.wiring.assembly import assemble
from streams.wiring.klaviyo import make_sink
from streams.wiring.photos import make_store

KEY = "pk_whole_chain"


#: Both events of an upload, its profile's properties, and those of its event at Klaviyo.
Ends = tuple[TextRecognized, OutfitTagged, dict[str, Any], dict[str, Any]]


@dataclass
class Flow:
    """The chain, and the profile at the sandbox."""

    chain: Chain
    klaviyo: str

    async def run(self, picture: bytes | None = None) -> Ends:
        """Bring one photo through; default: a white one."""
        text = await self.chain.deliver("recognize", await self.chain.publish(picture or photo()))
        tags = await self.chain.deliver("tag", text)
        await self.chain.deliver("sync", tags)
        async with httpx.AsyncClient(trust_env=False) as client:
            state = (await client.get(f"{self.klaviyo}/sandbox/state")).json()
        (profile,), (event,) = state["profiles"], state["events"]
        return (
            decode(TextRecognized, text.value),
            decode(OutfitTagged, tags.value),
            profile["properties"],
            event["properties"],
        )


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    listening = listen("127.0.0.1", 0)
    server = make_server(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield url_of(listening)
    finally:
        # A slow look may still be in flight: nothing waits for its answer.
        server.should_exit = server.force_exit = True
        await serving


@asynccontextmanager
async def whole_chain(folder: Path, pool: OcrPool, **more: Any) -> AsyncIterator[Flow]:
    """Start the sandbox and the stages. `more` are further settings."""
    async with AsyncExitStack() as running:
        klaviyo = await running.enter_async_context(served(create_klaviyo(KEY)))
        settings = Settings(
            store_url=f"file:{folder}/photos",
            state_url=f"sqlite:///{folder}/state.db",
            klaviyo_url=klaviyo,
            klaviyo_key=KEY,
            **more,
        )
        sink = await make_sink(settings)
        running.push_async_callback(sink.aclose)
        kafka = Topics()
        chain = Chain(kafka, {}, make_store(settings), lambda _name: NO_SPANS)
        for plan in (stages.recognize(settings, pool=pool), stages.tag(settings), stages.sync(settings, sink=sink)):
            chain.stages[plan.name] = (await assemble(plan, emitter=kafka)).stage
        yield Flow(chain, klaviyo)
