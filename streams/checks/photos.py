"""Checks of where photos lie, and of who reads them."""

import asyncio

from obstore.exceptions import BaseError

from ocr_worker.reading import Reading
from ocr_worker.warm_up import warm_up_photo
from schemas.outcomes import Later, Misconfigured
from streams import wiring
from streams.checks.answer import Checked, Machine, fail, ok, warn
from streams.settings import Settings

_PROBE = b"written by hangtag doctor"
_STORE = "set HANGTAG_STORE_URL, and give this process the right to read and write there"


async def store(settings: Settings, _machine: Machine) -> list[Checked]:
    """Whether the photo store takes a small object (always the same one) and gives it back."""
    try:
        photos = wiring.make_store(settings)
        uri = await photos.put(shopper_id="hangtag-doctor", upload_id="probe", suffix=".txt", photo=_PROBE)
        found = await photos.get(uri)
    except (BaseError, OSError, ValueError) as error:
        return [fail("store", f"cannot be written ({type(error).__name__})", _STORE)]
    if found == _PROBE:
        return [ok("store", "takes and gives back")]
    told = "gave back something else" if isinstance(found, bytes) else "cannot be read"
    return [fail("store", told, _STORE)]


async def ocr(settings: Settings, _machine: Machine) -> list[Checked]:
    """Whether each OCR worker reads a photo for us, and by which model."""
    return list(await asyncio.gather(*(_worker(settings, url) for url in settings.ocr_urls)))


async def _worker(settings: Settings, url: str) -> Checked:
    name = f"ocr {url}"
    async with wiring.make_pool(settings.model_copy(update={"ocr_urls": (url,)})) as pool:
        outcome = await pool.read(warm_up_photo(), content_type="image/jpeg")
    if isinstance(outcome, Reading):
        engine = outcome.engine
        return ok(name, f"{engine.name} {engine.model} {engine.revision}, {outcome.timings_ms['total']:.0f} ms a photo")
    if isinstance(outcome, Later) and outcome.reason == "ocr-busy":
        return warn(name, outcome.message, "start more OCR workers if this lasts")
    if isinstance(outcome, Misconfigured):
        return fail(
            name, outcome.message, "give both sides the same HANGTAG_OCR_TOKEN, and HANGTAG_OCR_URLS the worker"
        )
    return fail(name, outcome.message, "start it with `hangtag ocr serve`, or set HANGTAG_OCR_URLS")
