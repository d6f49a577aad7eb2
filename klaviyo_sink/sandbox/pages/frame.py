"""The frame of each page: title, links to the others, language, refreshing."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.account.account import Account
from klaviyo_sink.sandbox.account.profiles import Channel, StoredProfile
from klaviyo_sink.sandbox.api.gate import account_of
from klaviyo_sink.sandbox.automation.engine import advance
from klaviyo_sink.sandbox.pages.html import STYLE, Html, mark, tag
from klaviyo_sink.sandbox.pages.words import Language, word

#: Most rows of growing tables, newest first.
SHOWN: Final = 200
REFRESH_S: Final = 5
PAGES: Final = (
    ("/", "Overview"),
    ("/sandbox/profiles", "Profiles"),
    ("/sandbox/segments", "Segments"),
    ("/sandbox/flows", "Flows"),
    ("/sandbox/messages", "Messages"),
    ("/sandbox/jobs", "Jobs"),
    ("/sandbox/limits", "Limits"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """The reader of a page: the account, their language, and whether the page reloads itself."""

    account: Account
    language: Language
    refreshing: bool

    def __call__(self, text: str) -> str:
        """Return a word in the reader's language."""
        return word(text, self.language)

    def link(
        self, path: str, anchor: str = "", *, language: Language | None = None, refresh: bool | None = None
    ) -> str:
        """Return a page's address that keeps the language and the refreshing."""
        wanted: dict[str, str] = {"lang": language or self.language}
        if self.refreshing if refresh is None else refresh:
            wanted["refresh"] = str(REFRESH_S)
        return f"{path}?{'&'.join(f'{name}={value}' for name, value in wanted.items())}{anchor}"

    def person(self, profile_id: str, anchor: str = "") -> Html:
        """Return a profile's name, linked to its page."""
        profile = self.account.profiles.get(profile_id)
        name = profile.name if profile else profile_id
        return tag("a", name, href=self.link(f"/sandbox/profiles/{profile_id}", anchor))

    def consent(self, profile: StoredProfile) -> Html:
        """Show a person's consent by channel."""
        parts = []
        names: tuple[tuple[Channel, str], ...] = (("sms", "SMS"), ("email", "e-mail"))
        for channel, name in names:
            found = profile.consents.get(channel)
            status = str(found.status) if found else "NEVER_SUBSCRIBED"
            parts.append(Html(f"{name} {mark(status, self(status))}"))
        return Html(" ".join(parts))


def reader_of(request: Request) -> Reader:
    """Return the reader of a request, after the account has caught up with its clock."""
    account = account_of(request)
    advance(account)
    wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return Reader(account, "zh" if wanted.lower().startswith("zh") else "en", "refresh" in request.query_params)


def page(request: Request, reader: Reader, title: str, *body: Html) -> HTMLResponse:
    """Return a page."""
    here = request.url.path
    ways = [
        tag("a", reader(name), href=reader.link(path), aria_current="page" if path == here else None)
        for path, name in PAGES
    ]
    again = reader.link(here, refresh=not reader.refreshing)
    other: Language = "en" if reader.language == "zh" else "zh"
    ways += [
        tag("a", reader("Stop refreshing" if reader.refreshing else "Refresh every 5 s"), href=again, class_="end"),
        tag("a", reader("中文"), href=reader.link(here, language=other)),
    ]
    heading = reader("Klaviyo sandbox") + ("" if title == "Overview" else f" · {reader(title)}")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{tag('title', heading)}{tag('style', Html(STYLE))}"
    )
    # No script can run even if one were injected.
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
    if reader.refreshing:
        headers["Refresh"] = str(REFRESH_S)
    language = "zh-CN" if reader.language == "zh" else "en"
    inner = tag("body", tag("header", tag("h1", heading), tag("nav", *ways)), tag("main", *body))
    return HTMLResponse(f'<!doctype html><html lang="{language}"><head>{head}</head>{inner}</html>', headers=headers)
