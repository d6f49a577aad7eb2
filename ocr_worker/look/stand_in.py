"""
A stand-in for a vision-language model behind OpenAI's API: answers according to the schema it gets, or with faults.

It looks at no photo: its answer to every photo is a setting. For tests, benchmarks and trying out a worker.
"""

import asyncio
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

Lie = Literal[
    "unknown_value",
    "extra_field",
    "bad_box",
    "repetition",
    "cut",
    "loop",
    "refusal",
    "prose",
    "no_logprobs",
    "not_json",
]
#: The box of every garment, in thousandths.
BOX = (200, 100, 800, 900)


@dataclass(slots=True)
class LookStandIn:
    """What it answers, how it behaves, and the requests it got; can be changed while it runs."""

    #: One garment per item: values by aspect; an omitted aspect is not visible.
    garments: list[dict[str, str]] = field(default_factory=list)
    #: Values of the whole picture by aspect.
    picture: dict[str, str] = field(default_factory=dict)
    #: Probability of each chosen value; the next value of its enum gets the rest.
    sure: float = 0.95
    seconds: float = 0.0
    key: str | None = None
    #: HTTP status of every answer, to make it fail.
    failure: int | None = None
    lie: Lie | None = None
    #: Every request body since the start.
    asked: list[dict[str, Any]] = field(default_factory=list)


def look_stand_in_app(behaviour: LookStandIn) -> FastAPI:
    """Build the server."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        behaviour.asked.append(body)
        if behaviour.key is not None and request.headers.get("authorization") != f"Bearer {behaviour.key}":
            return JSONResponse({"error": {"message": "Unauthorized"}}, HTTPStatus.UNAUTHORIZED)
        await asyncio.sleep(behaviour.seconds)
        if behaviour.failure is not None:
            return JSONResponse({"error": {"message": "as told"}}, behaviour.failure)
        return _completion(behaviour, body)

    return app


#: A piece of the answer, and the values that were possible instead.
_Piece = tuple[str, tuple[str, ...]]


def _completion(behaviour: LookStandIn, body: dict[str, Any]) -> Response:
    if behaviour.lie == "not_json":
        return Response("<html>", media_type="text/html")
    pieces = list(_pieces(behaviour, body["response_format"]["json_schema"]["schema"]))
    reason = "stop"
    match behaviour.lie:
        case "refusal":
            pieces = [("I'm sorry, but I can't help with that.", ())]
        case "prose":
            pieces = [("```json\n", ()), *pieces, ("\n```", ())]
        case "cut":
            pieces, reason = pieces[: len(pieces) * 2 // 3], "length"
        case "loop":
            pieces, reason = [*pieces[:3], *[(" ", ())] * 9000], "length"
    content = "".join(text for text, _ in pieces)
    refused = behaviour.lie == "refusal"
    message = {"role": "assistant", "content": None if refused else content, "refusal": content if refused else None}
    listed = [_token(text, others, behaviour.sure) for text, others in pieces]
    logprobs = None if behaviour.lie == "no_logprobs" else {"content": listed}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": reason}
    used = {"prompt_tokens": 1, "completion_tokens": len(pieces), "total_tokens": 1 + len(pieces)}
    known = {"id": "chatcmpl-look", "object": "chat.completion", "created": 0, "model": body["model"]}
    return JSONResponse({**known, "choices": [choice], "usage": used})


def _pieces(behaviour: LookStandIn, schema: dict[str, Any]) -> Iterator[_Piece]:
    """Yield the answer in pieces, in the order of the schema; each value is one token."""
    garment = schema["properties"]["garments"]["items"]["properties"]
    listed = behaviour.garments * (2 if behaviour.lie == "repetition" else 1)
    yield '{"garments": [', ()
    for at, values in enumerate(listed):
        box = (0, 0, 5000, -1) if behaviour.lie == "bad_box" else BOX
        yield ("" if at == 0 else ", ") + '{"box": ' + json.dumps(list(box)), ()
        for name, rule in garment.items():
            if name != "box":
                yield from _member(name, values.get(name, "not_visible"), rule["enum"], behaviour.lie)
        yield "}", ()
    yield "]", ()
    for name, rule in schema["properties"].items():
        if name != "garments":
            yield from _member(name, behaviour.picture.get(name, "not_visible"), rule["enum"], behaviour.lie)
    if behaviour.lie == "extra_field":
        yield ', "wearer": "a tall person"', ()
    yield "}", ()


def _member(name: str, value: str, choices: list[str], lie: Lie | None) -> Iterator[_Piece]:
    assert value in choices, f"the schema has no {value} for {name}"  # noqa: S101 - a test's own mistake
    yield f', "{name}": "', ()
    if lie == "unknown_value" and name == "category":
        yield "evening-wear-of-a-tall-person", ()
    else:
        yield value, tuple(choices)
    yield '"', ()


def _token(text: str, choices: tuple[str, ...], sure: float) -> dict[str, Any]:
    """Return a token with its alternatives; the first other value gets the rest of the probability."""
    logprob = math.log(sure) if choices else -0.001
    top = [{"token": text, "logprob": logprob, "bytes": None}]
    others = [one for one in choices if one != text]
    if others and sure < 1:
        top.append({"token": others[0], "logprob": math.log(1 - sure), "bytes": None})
    return {"token": text, "logprob": logprob, "bytes": None, "top_logprobs": top}
