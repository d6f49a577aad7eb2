"""Cursor pages of a collection, as JSON:API and Klaviyo write them."""

import base64
import binascii
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import Request

from klaviyo_sink.sandbox.access.problems import Problem, RefusedError
from klaviyo_sink.sandbox.queries.query import Query
from klaviyo_sink.sandbox.queries.resource import Resource

#: Metrics are paged by 200, and the size cannot be chosen.
FIXED_SIZE = 200


def cut(rows: list[Resource], query: Query) -> tuple[list[Resource], str | None, str | None]:
    """
    Return a page and the cursors of the next and the previous one.

    Raises:
        RefusedError: 400, the cursor is not valid.

    """
    size = query.size or FIXED_SIZE
    start = _start(rows, query.cursor) if query.cursor else 0
    page = rows[start : start + size]
    after = _cursor(start + size, page[-1]["id"]) if start + size < len(rows) else None
    before = _cursor(max(0, start - size), "") if start > 0 else None
    return page, after, before


def links(request: Request, after: str | None, before: str | None) -> dict[str, str | None]:
    """Return the links of a collection; null where there is no page, as at Klaviyo."""
    return {"self": str(request.url), "next": _link(request, after), "prev": _link(request, before)}


def _link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    query = urlencode(dict(request.query_params) | {"page[cursor]": cursor})
    return f"{request.url.replace(query='')}?{query}"


def _cursor(start: int, last: str) -> str:
    return base64.urlsafe_b64encode(f"{start}:{last}".encode()).decode().rstrip("=")


def _start(rows: list[Resource], cursor: str) -> int:
    """Return where a page starts: after the last row seen, if that still exists."""
    if "://" in cursor:
        # The SDKs extract the cursor from https links only, and pass this server's links unchanged.
        cursor = parse_qs(urlsplit(cursor).query).get("page[cursor]", [""])[0]
    try:
        start, _, last = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        at = int(start)
    except (binascii.Error, ValueError, UnicodeDecodeError):
        detail = "page[cursor] is no cursor of this collection."
        raise RefusedError(400, Problem("invalid", "Invalid input.", detail, parameter="page[cursor]")) from None
    if not last or (0 < at <= len(rows) and rows[at - 1]["id"] == last):
        return at
    return next((place + 1 for place, row in enumerate(rows) if row["id"] == last), at)
