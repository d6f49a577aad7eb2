"""The first page: the newest messages, profiles and events."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.pages.frame import SHOWN, Reader, page, reader_of
from klaviyo_sink.sandbox.pages.html import Html, pairs, table, tag
from klaviyo_sink.sandbox.pages.messages import phones

router = APIRouter()


@router.get("/", response_class=HTMLResponse)
async def show_overview(request: Request) -> HTMLResponse:
    """Show the newest of everything."""
    reader = reader_of(request)
    account = reader.account
    newest = [one for one in account.messages if one.status != "skipped"]
    return page(
        request,
        reader,
        "Overview",
        tag("h2", f"{reader('Messages')} ({len(newest)})"),
        phones(reader, newest[-8:]),
        tag("h2", f"{reader('Profiles')} ({len(account.profiles)})"),
        profiles_table(reader),
        tag("h2", f"{reader('Events')} ({len(account.events)})"),
        events_table(reader),
    )


def profiles_table(reader: Reader) -> Html:
    """Show the newest profiles."""
    empty = reader("empty")
    rows = [
        (
            Html(f"{reader.person(one.id)}<br>{reader.consent(one)}"),
            pairs(one.properties, empty),
            one.updated.isoformat(sep=" ", timespec="seconds"),
        )
        for one in list(reader.account.profiles.values())[: -SHOWN - 1 : -1]
    ]
    return table([reader("Profile"), reader("Properties"), reader("Updated")], rows, reader("Nothing yet."))


def events_table(reader: Reader) -> Html:
    """Show the newest events."""
    rows = [
        (
            one.time.isoformat(sep=" "),
            one.metric.name + (f" ({reader('backfill')})" if one.backfill else ""),
            reader.person(one.profile_id, f"#event-{one.id}"),
            pairs(one.properties, reader("empty")),
        )
        for one in reader.account.events[: -SHOWN - 1 : -1]
    ]
    heads = [reader(one) for one in ("Time", "Metric", "Profile", "Properties")]
    return table(heads, rows, reader("Nothing yet."))
