"""
An engine that reads nothing: it derives lines from the photo's digest. For tests, and to simulate failures.

The first line identifies the photo, so that a test notices when photos are mixed up.
"""

import asyncio
from dataclasses import dataclass, field

from ocr_worker.engines.protocol import Lines
from ocr_worker.images.decode import DecodedPhoto
from schemas.events import Engine as EngineInfo
from schemas.events import TextLine
from schemas.outcomes import Later, Misconfigured

_PHRASES = (
    "100% COTTON",
    "面料 棉65% 聚酯纤维35%",
    "V-NECK",
    "oversize 宽松",
    "牛仔裤 DENIM",
    "连衣裙 DRESS",
    "雪纺衫",
    "SIZE M",
)
_LINES = 3
_SCORE = 0.99


@dataclass(frozen=True, slots=True)
class ScriptedEngine:
    """
    Return lines after `seconds`, or `failure`.

    With a `gate`, wait until it is set, so that a test decides when photos are finished.
    """

    seconds: float = 0.0
    failure: Later | Misconfigured | None = None
    gate: asyncio.Event | None = None
    info: EngineInfo = field(default=EngineInfo(name="scripted", model="none", revision="1"))

    def prepare(self, photo: DecodedPhoto) -> str:
        """Return the photo's digest; nothing else of the photo matters here."""
        return photo.sha256

    async def recognize(self, prepared: str) -> list[str] | Later | Misconfigured:
        """Choose phrases by the digest."""
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.seconds)
        if self.failure is not None:
            return self.failure
        chosen = bytes.fromhex(prepared)[:_LINES]
        return [f"photo {prepared[:16]}", *(_PHRASES[byte % len(_PHRASES)] for byte in chosen)]

    def finish(self, raw: list[str], photo: DecodedPhoto) -> Lines:
        """Place the lines one below the other from the top."""
        step = max(1, photo.height // len(raw))
        return Lines(
            tuple(
                TextLine(text=text, bbox=(0, at * step, photo.width, (at + 1) * step), score=_SCORE)
                for at, text in enumerate(raw)
            )
        )

    async def aclose(self) -> None:
        """Do nothing."""
