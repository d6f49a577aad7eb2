"""Segments with their members, and lists."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.automation.conditions import in_words, members
from klaviyo_sink.sandbox.pages.frame import SHOWN, Reader, page, reader_of
from klaviyo_sink.sandbox.pages.html import Html, tag

router = APIRouter()


@router.get("/sandbox/segments", response_class=HTMLResponse)
async def show_segments(request: Request) -> HTMLResponse:
    """Show the segments and lists with their members."""
    reader = reader_of(request)
    account = reader.account
    segments = [
        tag(
            "div",
            tag("h2", one.name),
            _conditions(one.definition.condition_groups),
            _members(reader, [member.id for member in members(account, one)]),
            class_="card",
        )
        for one in account.segments.values()
    ]
    lists = [
        tag("div", tag("h2", one.name), _members(reader, list(one.members)), class_="card")
        for one in account.lists.values()
    ]
    nothing = tag("p", reader("Nothing yet."), class_="dim")
    return page(
        request, reader, "Segments", *(segments or [nothing]), tag("h2", reader("Lists")), *(lists or [nothing])
    )


def _conditions(groups: list[Any]) -> Html:
    said = (" / ".join(in_words(one) for one in group.conditions) for group in groups)
    return tag("ul", *(tag("li", one) for one in said), class_="dim")


def _members(reader: Reader, ids: list[str]) -> Html:
    shown = Html(", ".join(reader.person(one) for one in ids[:SHOWN]))
    return tag("p", tag("b", f"{reader('Members')} ({len(ids)})"), ": ", shown or reader("empty"))
