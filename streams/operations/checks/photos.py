"""Checks of where photos lie, and of who reads them."""

import asyncio
import uuid
from http import HTTPStatus
from typing import Final

import httpx

from ocr_worker.images.plain_photo import plain_photo
from ocr_worker.pool.answers import TIMED_OUT, UNREACHABLE
from ocr_worker.result import BUSY, Reading
from schemas.outcomes import Later, Misconfigured, Never
from schemas.producer import AlreadyStored
from streams.config.settings import Settings, UnusableError
from streams.operations.checks.answer import Checked, Machine, fail, ok, warn
from streams.wiring.ocr import make_ocr_tls, make_pool
from streams.wiring.photos import make_store

_PROBE: Final = b"written by hangtag doctor"
#: Longest a photo may take here, in seconds: one worker that hangs must not hide the others.
_READ_S: Final = 12.0
_ITS_LOG: Final = "it runs; its log says why it failed"
_STORE: Final = "set HANGTAG_STORE_URL, and give this process the right to read and write there"


async def store(settings: Settings, _machine: Machine) -> list[Checked]:
    """Whether the photo store takes a small object, gives it back, and removes it."""
    try:
        photos = make_store(settings)
    except UnusableError as error:
        return [fail("store", str(error), _STORE)]
    # A name of its own: another doctor may look at the same time.
    name = f"probe-{uuid.uuid4().hex}"
    stored = await photos.put(shopper_id="hangtag-doctor", upload_id=name, suffix=".txt", photo=_PROBE)
    if isinstance(stored, Later | Never | Misconfigured):
        return [fail("store", f"cannot be written: {stored.message}", _STORE)]
    uri = stored.uri if isinstance(stored, AlreadyStored) else stored
    again = await photos.put(shopper_id="hangtag-doctor", upload_id=name, suffix=".txt", photo=_PROBE[::-1])
    found, left = await photos.get(uri), await photos.remove(uri)
    if isinstance(again, str):
        told = "overwrites an object that was to be written only where none lies (If-None-Match)"
        return [warn("store", told, "use a store that heeds it: an idempotency key could replace a photo")]
    if found != _PROBE:
        told = "gave back something else" if isinstance(found, bytes) else "cannot be read"
        return [fail("store", told, _STORE)]
    if left is not None:
        told = f"takes and gives back, and removes nothing: {uri} is left"
        return [warn("store", told, "give the recognize stage that right: photos stay otherwise (docs/privacy.md)")]
    return [ok("store", "takes, gives back and removes")]


async def ocr(settings: Settings, _machine: Machine) -> list[Checked]:
    """Whether each OCR worker reads a photo for us, and by which model."""
    return list(await asyncio.gather(*(_worker(settings, url) for url in settings.ocr_urls)))


async def _worker(settings: Settings, url: str) -> Checked:
    name = f"ocr {url}"
    patience_s = min(settings.ocr_timeout_s, _READ_S)
    async with make_pool(settings.model_copy(update={"ocr_urls": (url,), "ocr_timeout_s": patience_s})) as pool:
        outcome = await pool.read(plain_photo(), content_type="image/jpeg")
    if isinstance(outcome, Reading):
        engine = outcome.engine
        return ok(name, f"{engine.name} {engine.model} {engine.revision}, {outcome.timings_ms['total']:.0f} ms a photo")
    if isinstance(outcome, Misconfigured):
        return fail(
            name, outcome.message, "give both sides the same HANGTAG_OCR_TOKEN, and HANGTAG_OCR_URLS the worker"
        )
    if isinstance(outcome, Later):
        return _judged(name, outcome, await _readiness(settings, url), patience_s)
    return fail(name, outcome.message, _ITS_LOG)


def _judged(name: str, outcome: Later, readiness: int | None, patience_s: float) -> Checked:
    """Say why a worker read no photo, by what `/readyz` answers: its HTTP status, None for no answer."""
    reason = outcome.reason
    if reason != UNREACHABLE and readiness is None:
        return fail(name, f"{outcome.message}, and answers nothing else either", "look at its log, and start it again")
    if readiness == HTTPStatus.SERVICE_UNAVAILABLE:
        return fail(
            name,
            "is not ready: it has not read its warm-up photo, or every slot of it is stuck",
            "wait; if it lasts, its log says why",
        )
    if reason == BUSY:
        return warn(name, outcome.message, "start more OCR workers if this lasts")
    if reason == TIMED_OUT:
        told = f"runs, and did not read a small photo within {patience_s:g} s: it is busy, or its CPU is slow"
        return warn(name, told, "start more OCR workers, give each more CPU, or set HANGTAG_OCR_SLOTS to its cores")
    if reason == UNREACHABLE:
        return fail(name, outcome.message, "start it with `hangtag ocr serve`, or set HANGTAG_OCR_URLS")
    return fail(name, outcome.message, _ITS_LOG)


async def _readiness(settings: Settings, url: str) -> int | None:
    verify = make_ocr_tls(settings) or True
    try:
        async with httpx.AsyncClient(verify=verify, timeout=_READ_S / 4, trust_env=False) as http:
            answer = await http.get(f"{url.removeprefix('dns+')}/readyz")
    except httpx.HTTPError:
        return None
    return answer.status_code
