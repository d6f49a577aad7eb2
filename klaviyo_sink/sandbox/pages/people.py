"""Profiles, and each one's page: properties, consent, and a timeline of events and messages."""

from collections.abc import Iterator
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.account.journeys import Journey, Message
from klaviyo_sink.sandbox.account.profiles import StoredEvent, StoredProfile
from klaviyo_sink.sandbox.pages.frame import SHOWN, Reader, page, reader_of
from klaviyo_sink.sandbox.pages.html import Html, pairs, tag
from klaviyo_sink.sandbox.pages.messages import bubble
from klaviyo_sink.sandbox.pages.overview import profiles_table

router = APIRouter()


@router.get("/sandbox/profiles", response_class=HTMLResponse)
async def show_profiles(request: Request) -> HTMLResponse:
    """Show the newest profiles."""
    reader = reader_of(request)
    count = len(reader.account.profiles)
    note = tag("p", f"{reader('Showing the newest')} {SHOWN} / {count}", class_="dim") if count > SHOWN else Html("")
    return page(request, reader, "Profiles", note, profiles_table(reader))


@router.get("/sandbox/profiles/{profile_id}", response_class=HTMLResponse)
async def show_profile(request: Request, profile_id: str) -> HTMLResponse:
    """Show one profile and its history."""
    reader = reader_of(request)
    profile = reader.account.profiles.get(profile_id)
    if profile is None:
        answer = page(request, reader, "Profiles", tag("p", reader("Nothing yet.")))
        answer.status_code = 404
        return answer
    fields = {name: value for name, value in profile.fields.items() if not isinstance(value, dict)}
    fields["id"] = profile.id
    lists = [one.name for one in reader.account.lists.values() if profile.id in one.members]
    if lists:
        fields[reader("Lists")] = ", ".join(lists)
    return page(
        request,
        reader,
        "Profiles",
        tag("h2", profile.name),
        tag("div", pairs(fields, reader("empty")), tag("p", reader.consent(profile)), class_="card"),
        tag("h2", reader("Properties")),
        tag("div", pairs(profile.properties, reader("empty")), class_="card"),
        tag("h2", reader("Timeline")),
        _timeline(reader, profile),
    )


def _timeline(reader: Reader, profile: StoredProfile) -> Html:
    entries = sorted(_entries(reader, profile), key=lambda entry: entry[0], reverse=True)
    if not entries:
        return tag("p", reader("Nothing yet."), class_="dim")
    return tag("ol", *(one for _at, one in entries[:SHOWN]), class_="line")


def _entries(reader: Reader, profile: StoredProfile) -> Iterator[tuple[datetime, Html]]:
    account = reader.account
    for event in account.events_of.get(profile.id, ()):
        yield event.time, _event(reader, event)
    for message in account.messages_to.get(profile.id, ()):
        yield message.at, _message(reader, message)
    for journey in account.journeys:
        if journey.profile_id == profile.id and journey.ended not in {"", "finished"}:
            yield journey.entered, _journey(reader, journey)
    for channel, consent in profile.consents.items():
        said = f"{channel} {reader(consent.status)}"
        yield consent.at, tag("li", tag("b", reader("Consent")), Html(f": {said}<br>"), _when(consent.at))


def _event(reader: Reader, event: StoredEvent) -> Html:
    title = event.metric.name + (f" ({reader('backfill')})" if event.backfill else "")
    said = dict(event.properties)
    if event.value is not None:
        said[reader("Value")] = f"{event.value:g} {event.currency or ''}".rstrip()
    return tag(
        "li", tag("b", title), Html("<br>"), _when(event.time), pairs(said, reader("empty")), id=f"event-{event.id}"
    )


def _message(reader: Reader, message: Message) -> Html:
    return tag("li", tag("b", message.channel.upper()), bubble(reader, message))


def _journey(reader: Reader, journey: Journey) -> Html:
    flow = reader.account.flows.get(journey.flow_id)
    name = flow.name if flow else journey.flow_id
    return tag(
        "li", tag("b", name), f": {reader('skipped')} – {reader(journey.ended)}", Html("<br>"), _when(journey.entered)
    )


def _when(at: datetime) -> Html:
    return tag("span", at.isoformat(sep=" ", timespec="seconds"), class_="dim")
