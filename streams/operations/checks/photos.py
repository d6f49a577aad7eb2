"""Checks of the photo store and the OCR workers."""

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
#: Longest time for a photo here, in seconds: one worker that hangs must not hide the others.
_READ_S: Final = 12.0
_ITS_LOG: Final = "it runs; see its log for the cause"
_STORE: Final = "set HANGTAG_STORE_URL, and give this process permission to read and write there"


async def store(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that the photo store stores, returns and deletes a small object."""
    try:
        photos = make_store(settings)
    except UnusableError as error:
        return [fail("store", str(error), _STORE)]
    # A unique name, because another doctor may run at the same time.
    name = f"probe-{uuid.uuid4().hex}"
    stored = await photos.put(shopper_id="hangtag-doctor", upload_id=name, suffix=".txt", photo=_PROBE)
    if isinstance(stored, Later | Never | Misconfigured):
        return [fail("store", f"cannot be written: {stored.message}", _STORE)]
    uri = stored.uri if isinstance(stored, AlreadyStored) else stored
    again = await photos.put(shopper_id="hangtag-doctor", upload_id=name, suffix=".txt", photo=_PROBE[::-1])
    found, left = await photos.get(uri), await photos.remove(uri)
    if isinstance(again, str):
        finding = "overwrites an object although the request forbids it (If-None-Match)"
        return [warn("store", finding, "use a store that supports it: a reused idempotency key could replace a photo")]
    if found != _PROBE:
        finding = "returned other bytes" if isinstance(found, bytes) else "cannot be read"
        return [fail("store", finding, _STORE)]
    if left is not None:
        finding = f"stores and returns objects but does not delete them: {uri} is left"
        return [warn("store", finding, "give the recognize stage that permission, or photos stay (docs/privacy.md)")]
    return [ok("store", "stores, returns and deletes")]


async def ocr(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that each OCR worker reads a photo, and its model."""
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
            name, outcome.message, "set the same HANGTAG_OCR_TOKEN on both sides, and the worker in HANGTAG_OCR_URLS"
        )
    if isinstance(outcome, Later):
        return _judged(name, outcome, await _readiness(settings, url), patience_s)
    return fail(name, outcome.message, _ITS_LOG)


def _judged(name: str, outcome: Later, readiness: int | None, patience_s: float) -> Checked:
    """Return why a worker read no photo, by the HTTP status of `/readyz`; None: no response."""
    reason = outcome.reason
    if reason != UNREACHABLE and readiness is None:
        return fail(name, f"{outcome.message}, and does not respond to /readyz", "look at its log, and restart it")
    if readiness == HTTPStatus.SERVICE_UNAVAILABLE:
        return fail(
            name,
            "is not ready: it has not read its warm-up photo, or all its slots are stuck",
            "wait; if it stays so, see its log",
        )
    if reason == BUSY:
        return warn(name, outcome.message, "start more OCR workers if this persists")
    if reason == TIMED_OUT:
        finding = f"runs, but did not read a small photo within {patience_s:g} s: it is busy, or its CPU is slow"
        return warn(name, finding, "start more OCR workers, give each more CPU, or set HANGTAG_OCR_SLOTS to its cores")
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
