"""Reads a test photo before the worker reports that it is ready. Knows no HTTP."""

import asyncio

import structlog

from ocr_worker.images.plain_photo import plain_photo
from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from schemas.outcomes import Later, Misconfigured

log = structlog.get_logger(__name__)

_AGAIN_S = 1.0


async def warm_up(reader: Reader) -> None:
    """
    Read the test photo; try again for as long as the engine cannot be reached.

    Raises:
        RuntimeError: The engine responds, but rejects the photo.

    """
    photo = plain_photo()
    told = ""
    while True:
        outcome = await reader.read(photo)
        match outcome:
            case Reading():
                return
            case Later() | Misconfigured():
                if outcome.reason != told:
                    told = outcome.reason
                    log.warning("not ready", reason=outcome.reason, message=outcome.message)
                await asyncio.sleep(_AGAIN_S)
            case _:
                msg = f"the engine rejected the warm-up photo: {outcome.message}"
                raise RuntimeError(msg)
