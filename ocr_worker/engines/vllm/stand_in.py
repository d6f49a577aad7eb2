"""
A stand-in for a vLLM server with HunyuanOCR or PaddleOCR-VL: its API, batching and faults, without a GPU or a model.

It reads nothing: the first line of its output is `code_of` the photo, so that a test notices mixed-up photos.
For tests, benchmarks and trying out a worker; output has the documented notations (docs/ocr.md).
"""

import asyncio
import base64
import json
import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import cv2
import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from ocr_worker.images.decode import Pixels

#: Notations of lines: four of HunyuanOCR, two of PaddleOCR-VL.
Form = Literal["tagged", "quad_first", "plain", "json", "polygon", "bare_polygon"]
Lie = Literal["loop", "cut", "babble", "no_text", "no_logprobs", "not_json", "nobody"]

#: Names of the model's special tokens (Tencent-Hunyuan/HunyuanOCR issue 52).
REF, REF_END = "<｜hy_place▁holder▁no▁112｜>", "<｜hy_place▁holder▁no▁113｜>"
QUAD, QUAD_END = "<｜hy_place▁holder▁no▁110｜>", "<｜hy_place▁holder▁no▁111｜>"
END, PADDLE_END = "<｜hy_place▁holder▁no▁2｜>", "</s>"
#: Log probability of each token of the n-th line, and of everything between the lines.
LINE_LOGPROBS = (math.log(0.9), math.log(0.7), math.log(0.5))
_REST_LOGPROB = -0.001
#: Columns and rows of the grid for `code_of`; a light cell is a 1.
CODE_GRID = (8, 4)
_LINES = (("100% COTTON", (100, 300, 900, 400)), ("面料 棉65%", (100, 500, 900, 600)))


@dataclass(slots=True)
class StandIn:
    """Behaviour of the stand-in, which may change while it runs, and a record of its requests."""

    slots: int = 32
    queue: int = 64
    #: Seconds per output, once it has a slot.
    seconds: float = 0.0
    form: Form = "tagged"
    version: str = "0.28.0"
    key: str | None = None
    #: HTTP status of every response, if it is to fail.
    failure: int | None = None
    lie: Lie | None = None
    #: Lie at temperature 0 only, so that a second try helps.
    honest_when_warm: bool = False
    #: A photo that is read at the same time as another gets the other's text.
    mixes: bool = False
    #: Every request body since the start, without its image.
    seen: list[dict[str, Any]] = field(default_factory=list)
    served: int = 0
    running: int = 0


def code_of(pixels: Pixels) -> str:
    """Return a name for a picture by the light cells of a coarse grid. Survives scaling and JPEG."""
    cells = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), CODE_GRID, interpolation=cv2.INTER_AREA)
    bits = "".join("1" if cell > 127 else "0" for cell in cells.ravel())  # noqa: PLR2004 - half of 255
    return f"photo {int(bits, 2):08x}"


def stand_in_app(behaviour: StandIn) -> FastAPI:
    """Create the server. The behaviour may change while it runs."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    places = asyncio.Semaphore(behaviour.slots)
    waiting = 0
    under_way: list[Pixels | None] = []

    @app.get("/version")
    async def version() -> dict[str, str]:
        return {"version": behaviour.version}

    @app.get("/health")
    async def health() -> Response:
        return Response(status_code=200)

    @app.get("/stand-in")
    async def state() -> dict[str, int]:
        return {"served": behaviour.served, "running": behaviour.running}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        nonlocal waiting
        if behaviour.key is not None and request.headers.get("authorization") != f"Bearer {behaviour.key}":
            return JSONResponse({"error": "Unauthorized"}, HTTPStatus.UNAUTHORIZED)
        if behaviour.failure is not None:
            return _error(behaviour.failure, "configured failure")
        if behaviour.running + waiting >= behaviour.slots + behaviour.queue:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "The engine is currently busy")
        waiting += 1
        body = await request.json()
        image = _take_image(body)
        under_way.append(image)
        try:
            async with places:
                waiting -= 1
                behaviour.running += 1
                try:
                    await asyncio.sleep(behaviour.seconds)
                    mixed = _of_another(under_way, image) if behaviour.mixes else image
                finally:
                    behaviour.running -= 1
                    waiting += 1
        finally:
            waiting -= 1
            under_way[:] = [one for one in under_way if one is not image]
        behaviour.seen.append(body)
        if mixed is None:
            return _error(HTTPStatus.BAD_REQUEST, "cannot decode the image")
        behaviour.served += 1
        return _answer(behaviour, mixed, body)

    return app


def _of_another(under_way: list[Pixels | None], image: Pixels | None) -> Pixels | None:
    """Return a different photo that is being read at the same time, or this one if there is none."""
    others = (one for one in under_way if one is not None and image is not None and one.shape != image.shape)
    return next(others, image)


def _answer(behaviour: StandIn, image: Pixels, body: dict[str, Any]) -> Response:
    lie = None if behaviour.honest_when_warm and body["temperature"] > 0 else behaviour.lie
    if lie == "not_json":
        return Response("<html>", media_type="text/html")
    code = "photo 00000000" if lie == "nobody" else code_of(image)
    lines = ((code, (50, 100, 950, 200)), *_LINES)
    tokens = _tokens(behaviour.form, lines)
    reason = "stop"
    match lie:
        case "loop":
            tokens, reason = [*tokens[:-1], *tokens[:-1] * 8], "repetition"
        case "cut":
            tokens, reason = tokens[: len(tokens) * 3 // 4], "length"
        case "babble":
            tokens = [("这是一张衣服的照片", -0.5)]
        case "no_text":
            tokens = [("没有文字", -0.1)]
    content = "".join(text for text, _ in tokens).removesuffix(END).removesuffix(PADDLE_END)
    listed = [
        {"token": text, "logprob": value, "bytes": list(text.encode()), "top_logprobs": []} for text, value in tokens
    ]
    return JSONResponse(
        {
            "id": "chatcmpl-stand-in",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content},
                    "logprobs": None if lie == "no_logprobs" else {"content": listed},
                    "finish_reason": reason,
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": len(tokens), "total_tokens": 1 + len(tokens)},
        }
    )


def _tokens(form: Form, lines: tuple[tuple[str, tuple[int, int, int, int]], ...]) -> list[tuple[str, float]]:
    """Write the lines as tokens with log probabilities; each text in pieces of three characters."""
    tokens: list[tuple[str, float]] = []

    def rest(*texts: str) -> None:
        tokens.extend((text, _REST_LOGPROB) for text in texts)

    for at, (text, (x1, y1, x2, y2)) in enumerate(lines):
        logprob = LINE_LOGPROBS[at % len(LINE_LOGPROBS)]
        line = [(text[start : start + 3], logprob) for start in range(0, len(text), 3)]
        corners = (f"({x1}", f",{y1}", "),(", f"{x2},", f"{y2})")
        match form:
            case "tagged":
                rest(REF)
                tokens += line
                rest(REF_END, QUAD, *corners, QUAD_END)
            case "quad_first":
                rest(QUAD, f"<pos_{x1}>", f"<pos_{y1}>", f"<pos_{x2}>", f"<pos_{y2}>", QUAD_END, REF)
                tokens += line
                rest(REF_END)
            case "plain":
                tokens += line
                rest(*corners)
            case "polygon" | "bare_polygon":
                places = [f"<|LOC_{number}|>" for number in (x1, y1, x2, y1, x2, y2, x1, y2)]
                marked = form == "polygon"
                rest(*(["<|TEXT_START|>"] if marked else []))
                tokens += line
                rest(
                    *(["<|TEXT_END|>", "<|LOC_BEGIN|>"] if marked else []),
                    *places,
                    *(["<|LOC_END|>"] if marked else []),
                )
            case "json":
                rest("[" if at == 0 else ", ", '{"box": ', json.dumps([x1, y1, x2, y2]), ', "text": "')
                tokens += line
                rest('"}', *("]" if at == len(lines) - 1 else ()))
    rest(PADDLE_END if "polygon" in form else END)
    return tokens


def _take_image(body: dict[str, Any]) -> Pixels | None:
    url = body["messages"][-1]["content"][0]["image_url"].pop("url")
    data = np.frombuffer(base64.b64decode(url.partition(",")[2]), dtype=np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if decoded is None else np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": HTTPStatus(status).phrase, "code": status}}, status)
