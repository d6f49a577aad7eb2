"""
The proof that a vLLM server keeps photos of one batch apart: two drawn photos, read alone and then together.

Some combinations of vLLM and transformers cut the image features of a batch in the wrong places, so that one shopper's
photo is answered with another's text. Their version numbers are no proof: what is installed decides. Knows no model.
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

#: The photos: size in px, lines of text, paper and ink. Different sizes, because photos of one size hide the fault.
_PHOTOS = (((448, 224), ("SIZE 4821", "COTTON"), 255, 0), ((256, 384), ("RN 79305", "LINEN"), 0, 255))
#: Requests of each photo at the same time, and how often: the server batches what arrives together.
_COPIES, _ROUNDS = 3, 3
#: A proof holds for this many seconds; then the server must give it again.
_PROOF_S = 300.0
#: After a refusal or an inconclusive proof, seconds until the next.
_RETRY_S = 30.0
#: Two readings of the same photo are at least this much alike (0..1).
_ALIKE = 0.8
#: Readings of the two photos that are this much alike tell nothing apart.
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
        alone: The text of each, read with nothing else at the server.
        together: Their texts in each round in which both were read at the same time.

    Returns:
        `mixed` if a photo read together looks more like the other one, or unlike itself twice; `unread` if the
        model reads the same in both, which proves nothing.

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
    """Proves a server at the first photo and every five minutes. Without a proof, no photo may be sent."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._trusted = False
        self._outcome: Misconfigured | None = None
        self._due = -math.inf
        self._renewal: asyncio.Task[object] | None = None

    def distrust(self) -> None:
        """Require a new proof before the next photo, because the server may have been replaced."""
        self._trusted, self._due = False, -math.inf

    async def aclose(self) -> None:
        """End a proof that is under way."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})

    async def check(self, read: Reading, hint: str) -> Later | Misconfigured | None:
        """
        Return None if the server is proven to keep photos apart.

        Args:
            read: Reads a photo at the server and returns its text.
            hint: What to do about a server that mixes, for the message.

        """
        if self._clock() < self._due:
            return self._outcome
        if self._trusted:
            # The old proof holds until the next one is there: photos do not wait for it.
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
            "mixed": Misconfigured("vllm-mixes", f"the vLLM server answers one photo with another's text; {hint}"),
            "unread": Misconfigured(
                "vllm-unproven", f"the vLLM server cannot read two plain drawn photos, so nothing is proven; {hint}"
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
                return Misconfigured("vllm-unproven", f"the vLLM server refused a drawn photo ({text.code})")
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
