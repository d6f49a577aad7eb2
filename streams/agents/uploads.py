"""
`recognize`: gets the text of an uploaded photo.

An unreadable photo becomes feedback to the shopper, not a dead letter, because only the shopper can fix it.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import structlog

from ocr_worker.pool.pool import OcrPool
from ocr_worker.result import Reading, ReadQuality, Refused, Verdict
from schemas.events import (
    Engine,
    Event,
    FeedbackCode,
    FeedbackDetail,
    Messages,
    PhotoRead,
    PhotoUploaded,
    Quality,
    QualityDetail,
    TextRecognized,
    UploadFeedback,
)
from schemas.outcomes import Later, Misconfigured, Never
from schemas.spans import trace_headers
from streams.photos.retention import is_gone_for_good
from streams.photos.store import PhotoStore, TooLarge
from streams.runtime.stage import HandlerResult
from streams.telemetry.spans import SPAN

log = structlog.get_logger()

MESSAGES: dict[FeedbackCode, Messages] = {
    "blurry": Messages(zh="建议上传更清晰的图片", en="Please upload a clearer photo"),
    "no_text": Messages(zh="图片中没有找到文字", en="No text was found in the photo"),
    "unreadable": Messages(zh="图片已损坏，请重新上传", en="The photo is damaged; please upload it again"),
    "too_large": Messages(zh="图片过大，请上传较小的图片", en="The photo is too large; please upload a smaller one"),
    "unsupported": Messages(
        zh="不支持这种文件，请上传 JPEG、PNG 或 HEIC 图片",
        en="This file type is not supported; please upload a JPEG, PNG or HEIC photo",
    ),
}
_DETAILS: dict[FeedbackDetail, Messages] = {
    "cut_off": Messages(
        zh="图片不完整，文字可能没有读完，请重新上传",
        en="The photo may be incomplete, and some of its text was not read; please upload it again",
    ),
    "too_long": Messages(
        zh="图片过长，只读取了前面的部分，请分段上传",
        en="The picture is too long, and only its first part was read; please upload it in parts",
    ),
    "script_unsupported": Messages(
        zh="图片中有暂不支持的文字，请上传中文或英文标签",
        en="Some of the text is in a script we cannot read yet; please upload a label in Chinese or English",
    ),
}
#: For each verdict that the shopper gets feedback on: its code in the first schema, and a more exact detail.
_UNUSABLE: dict[Verdict, tuple[FeedbackCode, FeedbackDetail | None]] = {
    "blurry": ("blurry", None),
    "no_text": ("no_text", None),
    "cut_off": ("unreadable", "cut_off"),
    "too_long": ("too_large", "too_long"),
    "script_unsupported": ("unsupported", "script_unsupported"),
}
#: For each verdict that the first schema does not have: the broader verdict to send instead.
_FINER: dict[QualityDetail, Literal["ok", "cut_off"]] = {
    "too_long": "cut_off",
    "script_unsupported": "cut_off",
    "mirrored": "ok",
}


async def recognize(
    event: PhotoUploaded,
    *,
    store: PhotoStore,
    pool: OcrPool,
    now: Callable[[], datetime],
    kept_for: timedelta = timedelta(days=7),
) -> HandlerResult:
    """
    Read the photo and return its text, or feedback on why there is none, or both.

    Returns nothing if the photo was read and deleted before, or is older than `kept_for`.
    """

    def feedback(code: FeedbackCode, detail: FeedbackDetail | None = None) -> UploadFeedback:
        messages = MESSAGES[code] if detail is None else _DETAILS[detail]
        return UploadFeedback(**event.carried(), code=code, detail=detail, messages=messages, judged_at=now())

    photo = await store.get(event.photo.uri)
    if isinstance(photo, TooLarge):
        return (feedback("too_large"),)
    if not isinstance(photo, bytes):
        # An old upload may be imported later; its photo may be new.
        at = None if event.backfill else event.uploaded_at
        gone = await is_gone_for_good(
            photo, store, event.photo.uri, upload_id=event.upload_id, uploaded_at=at, now=now(), kept_for=kept_for
        )
        return () if gone else photo
    digest = hashlib.sha256(photo).hexdigest()
    if event.photo.sha256 is not None and event.photo.sha256 != digest:
        return Never("photo-changed", "the photo's bytes are not those the event was published for (sha256 differs)")
    trace = trace_headers(SPAN.get().carried)
    reading = await pool.read(photo, content_type=event.photo.content_type, trace=trace)
    if isinstance(reading, Later | Never | Misconfigured):
        return reading
    if isinstance(reading, Refused):
        return (feedback(reading.code),)
    read = TextRecognized(
        **event.carried(),
        photo=PhotoRead(uri=event.photo.uri, sha256=digest, width=reading.image.width, height=reading.image.height),
        identity=event.identity,
        texts=reading.texts,
        quality=_quality(reading.quality),
        seen=reading.seen,
        engine=Engine(name=reading.engine.name, model=reading.engine.model, revision=reading.engine.revision),
        recognized_at=now(),
    )
    unusable = _unusable(reading)
    return (read,) if unusable is None else (read, feedback(*unusable))


def _unusable(reading: Reading) -> tuple[FeedbackCode, FeedbackDetail | None] | None:
    """Return code and detail of the feedback to send. A photo without text gets none if a look returned values."""
    verdict, seen = reading.quality.verdict, reading.seen
    return None if verdict == "no_text" and seen is not None and seen.values else _UNUSABLE.get(verdict)


def _quality(read: ReadQuality) -> Quality:
    """Return the quality with the verdict of the first schema, and the exact verdict as its detail."""
    verdict = read.verdict
    if verdict in _FINER:
        return Quality(verdict=_FINER[verdict], detail=verdict, sharpness=read.sharpness)
    return Quality(verdict=verdict, sharpness=read.sharpness)


async def delete_read(delivered: tuple[Event, ...], *, store: PhotoStore) -> None:
    """Delete the photos whose text is delivered. The sweep deletes those that cannot be deleted now."""
    for text in delivered:
        if not isinstance(text, TextRecognized):
            continue
        refused = await store.remove_read(text.photo.uri, upload_id=text.upload_id)
        if refused is not None:
            log.warning("photo not deleted, left to the sweep", reason=refused.reason, message=refused.message)
