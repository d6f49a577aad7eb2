"""The first photo a worker reads, drawn here, so that ready means ready. Knows no HTTP."""

import asyncio
from io import BytesIO

import structlog
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from schemas.outcomes import Later, Misconfigured

log = structlog.get_logger(__name__)

_AGAIN_S = 1.0


def warm_up_photo() -> bytes:
    """Draw a line of print."""
    image = Image.new("RGB", (640, 480), "white")
    ImageDraw.Draw(image).text((40, 200), "100% COTTON", font=ImageFont.load_default(size=64), fill="black")
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


async def warm_up(reader: Reader) -> None:
    """
    Read the warm-up photo, again and again while the engine cannot be reached.

    Raises:
        RuntimeError: the engine answers, but cannot read a sound photo.

    """
    photo = warm_up_photo()
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
                msg = f"the warm-up photo was refused: {outcome.message}"
                raise RuntimeError(msg)
