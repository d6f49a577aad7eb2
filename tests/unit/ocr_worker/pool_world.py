"""A pool of OCR workers on fake time, with workers that answer what a test tells them to."""

import asyncio
from typing import Any

import httpx
from pydantic import SecretStr

from ocr_worker.pool.pool import OcrPool, PoolDependencies


class Clock:
    """Time that passes only when somebody sleeps; notes how long each sleep was."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def pool(*urls: str, token: str | None = None, timeout_s: float = 20, most: int = 16, **around: Any) -> OcrPool:
    return OcrPool(urls, SecretStr(token) if token else None, timeout_s, most, PoolDependencies(**around))


def answering(status: int, **answer: object) -> OcrPool:
    clock = Clock()
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **answer))
    return pool("http://worker", transport=transport, clock=clock, sleep=clock.sleep)


def reading() -> dict[str, object]:
    return {
        "texts": [],
        "image": {"width": 1, "height": 1, "sha256": "0" * 64},
        "quality": {"verdict": "ok", "sharpness": 1},
        "engine": {"name": "fake", "model": "none", "revision": "1"},
        "timings_ms": {},
    }


def scripted(clock: Clock, answers: dict[str, object], asked: list[str], *urls: str, **more: Any) -> OcrPool:
    """A pool on fake time. Per host a status, an exception, or a function that gives one."""

    def answer(request: httpx.Request) -> httpx.Response:
        host = request.url.host
        asked.append(host)
        given = answers[host]
        given = given() if callable(given) else given
        if isinstance(given, Exception):
            raise given
        if isinstance(given, httpx.Response):
            return given
        return httpx.Response(given, json=reading() if given == 200 else None)

    return pool(
        *(urls or (f"http://{host}" for host in answers)),
        transport=httpx.MockTransport(answer),
        clock=clock,
        sleep=clock.sleep,
        jitter=lambda: 1.0,
        **more,
    )
