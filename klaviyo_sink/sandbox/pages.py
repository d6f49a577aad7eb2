"""Cursor pages of a collection, as JSON:API and Klaviyo write them."""

from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.problems import MEDIA_TYPE, Problem, RefusedError


def page_of(rows: list[dict[str, Any]], request: Request, *, default: int, largest: int) -> JSONResponse:
    """
    Give the page that `page[size]` and `page[cursor]` ask for; `links.next` leads on.

    Raises:
        RefusedError: 400, a size out of range or a cursor that is none.

    """
    size = _number(request, "page[size]", default)
    start = _number(request, "page[cursor]", 0)
    if not 1 <= size <= largest:
        raise _refused("page[size]")
    here = request.url
    after = None
    if start + size < len(rows):
        query = dict(request.query_params) | {"page[cursor]": str(start + size)}
        after = f"{here.scheme}://{here.netloc}{here.path}?{urlencode(query)}"
    content = {"data": rows[start : start + size], "links": {"self": str(here), "next": after, "prev": None}}
    return JSONResponse(content, media_type=MEDIA_TYPE)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise _refused(name)
    return int(text)


def _refused(parameter: str) -> RefusedError:
    return RefusedError(400, Problem("invalid", "Invalid input.", f"{parameter} is out of range.", parameter=parameter))
