"""
Checks that a vLLM server keeps photos of one batch apart: two drawn photos, read alone and then together.

Some combinations of vLLM and transformers cut the image features of a batch in the wrong places, so one shopper's photo
gets another's text. Version numbers do not prove anything, because only what is installed matters. Knows no model.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import Literal

import cv2
import numpy as np

from ocr_worker.result import Refused
from schemas.outcomes import Later, Misconfigured

#: The photos: size in px, lines of text, paper and ink. The sizes differ, because photos of one size hide the fault.
_PHOTOS = (((448, 224), ("SIZE 4821", "COTTON"), 255, 0), ((256, 384), ("RN 79305", "LINEN"), 0, 255))
#: Concurrent requests per photo, and rounds. The server batches requests that arrive together.
_COPIES, _ROUNDS = 3, 3
#: Seconds that a passed check is valid.
_PROOF_S = 300.0
#: Seconds until the next check after a failed or inconclusive one.
_RETRY_S = 30.0
#: The least similarity (0..1) of two correct readings of one photo.
_ALIKE = 0.8
#: If the readings of the two photos are this similar, the check is inconclusive.
_SAME = 0.9

Reading = Callable[[bytes], Awaitable[str | Refused | Later | Misconfigured]]
Verdict = Literal["apart", "mixed", "unread"]


@cache
def canary_photos() -> tuple[bytes, bytes]:
    """Draw the two photos, as JPEG."""
    first, second = (_drawn(*photo) for photo in _PHOTOS)
    return first, second


def judge(alone: tuple[str, str], together: Sequence[tuple[str, str]]) -> Verdict:
    """
    Compare readings of the two photos.

    Args:
        alone: The text of each photo, read while the server had no other.
        together: Both texts of each round in which both photos were read at the same time.

    Returns:
        `mixed` if a photo read together is more similar to the other photo, or twice unlike itself; `unread` if the
        model reads the same in both, which is inconclusive; else `apart`.

    """
    if _likeness(*alone) >= _SAME:
        return "unread"
    strange = 0
    for pair in together:
        for own, other, text in ((alone[0], alone[1], pair[0]), (alone[1], alone[0], pair[1])):
            if _likeness(text, other) > _likeness(text, own):
                return "mixed"
            strange += _likeness(text, own) < _ALIKE
    return "mixed" if strange > 1 else "apart"


class Canary:
    """Checks a server at the first photo and every five minutes. Without a passed check, no photo may be sent."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._trusted = False
        self._outcome: Misconfigured | None = None
        self._due = -math.inf
        self._renewal: asyncio.Task[object] | None = None

    def distrust(self) -> None:
        """Require a new check before the next photo, because the server may have been replaced."""
        self._trusted, self._due = False, -math.inf

    async def aclose(self) -> None:
        """Cancel a check in progress."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})

    async def check(self, read: Reading, hint: str) -> Later | Misconfigured | None:
        """
        Return None if the server has been shown to keep photos apart, else why photos must not be sent.

        Args:
            read: Reads a photo at the server and returns its text.
            hint: What to do about a server that mixes photos, for the message.

        """
        if self._clock() < self._due:
            return self._outcome
        if self._trusted:
            # The last check stays valid until the next one ends, so photos do not wait for it.
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.create_task(self._renew(read, hint))
            return None
        async with self._lock:
            return self._outcome if self._clock() < self._due else await self._renew(read, hint)

    async def _renew(self, read: Reading, hint: str) -> Later | Misconfigured | None:
        verdict = await self._prove(read)
        if isinstance(verdict, Later | Misconfigured):
            return verdict
        self._outcome = {
            "apart": None,
            "mixed": Misconfigured("vllm-mixes", f"the vLLM server returns one photo's text for another; {hint}"),
            "unread": Misconfigured(
                "vllm-unproven", f"the vLLM server cannot read two plain test photos, so it cannot be checked; {hint}"
            ),
        }[verdict]
        self._trusted = verdict == "apart"
        self._due = self._clock() + (_PROOF_S if self._trusted else _RETRY_S)
        return self._outcome

    async def _prove(self, read: Reading) -> Verdict | Later | Misconfigured:
        alone: list[str] = []
        for photo in canary_photos():
            text = await read(photo)
            if isinstance(text, Refused):
                return Misconfigured("vllm-unproven", f"the vLLM server rejected a test photo ({text.code})")
            if not isinstance(text, str):
                return text
            alone.append(text)
        together: list[tuple[str, str]] = []
        for _ in range(_ROUNDS):
            readings = await asyncio.gather(*(read(photo) for photo in canary_photos() * _COPIES))
            texts = [text for text in readings if isinstance(text, str)]
            if len(texts) < len(readings):
                return next(one for one in readings if isinstance(one, Later | Misconfigured))
            together += zip(texts[::2], texts[1::2], strict=True)
        return judge((alone[0], alone[1]), together)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _drawn(size: tuple[int, int], lines: tuple[str, ...], paper: int, ink: int) -> bytes:
    width, height = size
    picture = np.full((height, width, 3), paper, dtype=np.uint8)
    for at, line in enumerate(lines, 1):
        place = (16, height * at // (len(lines) + 1) + 16)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, width / 256, (ink, ink, ink), 2, cv2.LINE_AA)
    _, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 95))
    return jpeg.tobytes()
