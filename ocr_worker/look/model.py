"""
Looks with a vision-language model behind a server with OpenAI's API.

Sends one request per photo and waits a limited time. After several failures in a row it sends nothing for a while, so
that no photo waits for a server that is down.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import httpx
import structlog
from pydantic import SecretStr

from ocr_worker.engines.vllm.chat import Choice
from ocr_worker.engines.vllm.client import VllmClient
from ocr_worker.engines.vllm.lines import to_pixels
from ocr_worker.images.decode import DecodedPhoto
from ocr_worker.look.answer import values_in
from ocr_worker.look.breaker import Breaker
from ocr_worker.look.catalogue import Catalogue
from ocr_worker.look.chat import look_request
from ocr_worker.result import Refused
from schemas.events import Engine, Seen, SeenValue
from schemas.outcomes import Misconfigured

log = structlog.get_logger(__name__)

_JPEG_QUALITY = 90
#: Failures in a row after which no request is sent, and for how many seconds.
_FAILURES, _PAUSE_S = 5, 30.0


@dataclass(frozen=True, slots=True)
class LookConfig:
    """The server's URL, the model's name, and how many seconds a look may take."""

    url: str
    model: str
    key: SecretStr | None = None
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Picture:
    """The JPEG to send, and the size of the upright original in px."""

    jpeg: bytes = field(repr=False)
    size: tuple[int, int]


class ModelLooker:
    """Uses one server. Any number of tasks of one event loop may call it; stores nothing between photos."""

    def __init__(
        self,
        config: LookConfig,
        catalogue: Catalogue,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._catalogue = config, catalogue
        self._client = VllmClient(config.url, config.key, config.timeout_s, transport)
        self._breaker = Breaker(_FAILURES, _PAUSE_S, clock=clock)
        self._engine = Engine(name="look", model=config.model, revision="unknown")

    def prepare(self, photo: DecodedPhoto) -> Picture:
        """Encode the small picture as JPEG, without metadata."""
        bgr = cv2.cvtColor(photo.small, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
        return Picture(jpeg.tobytes(), (photo.width, photo.height))

    async def look(self, prepared: Picture) -> Seen | None:
        """Send one request. An unusable answer counts as an answer without values."""
        if not self._breaker.admits():
            return None
        choice = await self._client.complete(look_request(prepared.jpeg, self._config.model, self._catalogue))
        if not isinstance(choice, Choice):
            reason = choice.code if isinstance(choice, Refused) else choice.reason
            self._failed(reason, at_once=isinstance(choice, Misconfigured))
            return None
        content, tokens = choice.message.content or "", choice.logprobs.content
        chosen = values_in(content, tokens, choice.finish_reason, self._catalogue)
        if chosen is None:
            self._failed("bad-answer")
            return Seen(engine=self._engine, values=())
        self._breaker.succeeded()
        width, height = prepared.size
        values = tuple(
            SeenValue(tag=one.tag, bbox=to_pixels(one.box, (width, height), prepared.size), score=one.score)
            for one in chosen
        )
        return Seen(engine=self._engine, values=values)

    def _failed(self, reason: str, *, at_once: bool = False) -> None:
        if self._breaker.failed(at_once=at_once):
            log.warning("no looks after failures in a row", reason=reason, seconds=_PAUSE_S)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
