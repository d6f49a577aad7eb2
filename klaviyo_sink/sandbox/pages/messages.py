"""Messages as on a phone, each with its status and a link to its event."""

from collections.abc import Iterable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.account.journeys import Message
from klaviyo_sink.sandbox.pages.frame import SHOWN, Reader, page, reader_of
from klaviyo_sink.sandbox.pages.html import Html, mark, table, tag

router = APIRouter()


@router.get("/sandbox/messages", response_class=HTMLResponse)
async def show_messages(request: Request) -> HTMLResponse:
    """Show the messages, and those that were not sent with the reasons."""
    reader = reader_of(request)
    return page(
        request,
        reader,
        "Messages",
        phones(reader, reader.account.messages[-SHOWN:]),
        tag("h2", reader("Not sent")),
        _not_sent(reader),
    )


def _not_sent(reader: Reader) -> Html:
    """Show who left a flow before its message, and why."""
    account = reader.account
    left = [one for one in account.journeys if one.ended not in {"", "finished"}]
    rows = [
        (
            reader.person(one.profile_id, f"#event-{one.event_id}" if one.event_id else ""),
            account.flows[one.flow_id].name if one.flow_id in account.flows else one.flow_id,
            reader(one.ended),
            one.entered.isoformat(sep=" ", timespec="seconds"),
        )
        for one in left[: -SHOWN - 1 : -1]
    ]
    return table([reader("Who"), reader("Flow"), reader("Why"), reader("Entered")], rows, reader("Nothing yet."))


def phones(reader: Reader, messages: Iterable[Message]) -> Html:
    """Show each person's phone, the one with the newest message first."""
    by_person: dict[str, list[Message]] = {}
    for one in messages:
        # Move the person to the end, so that the order is that of the newest messages.
        by_person[one.profile_id] = [*by_person.pop(one.profile_id, []), one]
    if not by_person:
        return tag("p", reader("Nothing yet."), class_="dim")
    return tag("div", *(_phone(reader, one) for one in reversed(by_person.values())), class_="phones")


def bubble(reader: Reader, message: Message) -> Html:
    """Show one message and its status."""
    status = message.status if not message.reason else f"{reader(message.status)}: {reader(message.reason)}"
    ways = [mark(message.status, reader(status))]
    if message.event_id is not None:
        anchor = f"#event-{message.event_id}"
        ways.append(tag("a", reader("its event"), href=reader.link(f"/sandbox/profiles/{message.profile_id}", anchor)))
    subject = tag("b", message.subject, Html("<br>")) if message.subject else ""
    when = message.at.isoformat(sep=" ", timespec="minutes")[:16]
    return Html(
        tag("div", subject, message.body, class_=f"bubble {message.status}", dir="auto")
        + tag("p", f"{when} UTC · {message.flow} · ", Html(" · ".join(ways)), class_="under")
    )


def _phone(reader: Reader, messages: list[Message]) -> Html:
    first = messages[0]
    address = first.to or reader("no phone number" if first.channel == "sms" else "no e-mail address")
    heading = tag("h2", reader.person(first.profile_id), Html("<br>"), tag("span", address, class_="dim"))
    return tag("section", heading, *(bubble(reader, one) for one in messages), class_="phone")
