"""Jobs, and what is left of the limits."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.access.limits import Limits
from klaviyo_sink.sandbox.pages.frame import SHOWN, page, reader_of
from klaviyo_sink.sandbox.pages.html import mark, table, tag

router = APIRouter()


@router.get("/sandbox/jobs", response_class=HTMLResponse)
async def show_jobs(request: Request) -> HTMLResponse:
    """Show the jobs."""
    reader = reader_of(request)
    account = reader.account
    rows = [
        (
            "import",
            one.id,
            mark(one.status, one.status),
            one.rows,
            len(one.errors),
            one.created.isoformat(sep=" ", timespec="seconds"),
        )
        for one in account.imports.values()
    ]
    rows += [
        (
            "suppress" if one.kind == "create" else "unsuppress",
            one.id,
            mark("complete", "complete"),
            one.total,
            0,
            one.created.isoformat(sep=" ", timespec="seconds"),
        )
        for one in account.suppression_jobs.values()
    ]
    heads = [reader(one) for one in ("Job", "id", "Status", "Rows", "Failed", "Created")]
    return page(
        request,
        reader,
        "Jobs",
        table(heads, rows[: -SHOWN - 1 : -1], reader("Nothing yet.")),
        tag("p", f"{reader('Deletions')}: {account.deletions}"),
    )


@router.get("/sandbox/limits", response_class=HTMLResponse)
async def show_limits(request: Request) -> HTMLResponse:
    """Show what is left of this minute's limits."""
    reader = reader_of(request)
    limits: Limits = request.app.state.limits
    rows = [(name, f"{left} {reader('of')} {most}") for name, (left, most) in sorted(limits.left().items())]
    heads = [reader("Operation"), reader("Left this minute")]
    return page(request, reader, "Limits", table(heads, rows, reader("Nothing yet.")))
