"""
Maps a response of Klaviyo, or a missing one, to later, never, or misconfigured.

    no response (timeout, reset, broken response)    Later
    2xx                                              see success.py
    3xx                                              Misconfigured  the URL is not the API
    400  names the revision                          Misconfigured
         JSON:API errors                             Never          with the pointers to the refused parts
         anything else                               Later          from something in between; a few tries
    401                                              Misconfigured
    402                                              Misconfigured
    403  JSON:API errors                             Misconfigured  the key lacks a scope
         anything else (a bot check's HTML page)     Later
    404  for a profile id, in JSON:API errors        Never          merged or deleted; try another identifier
         anything else                               Misconfigured  unknown revision, or the URL is wrong
    405 406 410 415                                  Misconfigured
    408 425                                          Later
    409                                              Never
    413                                              Never
    429                                              Later          never at once
    other 4xx                                        as 400
    5xx and anything else                            Later

Pure. Messages contain only Klaviyo's code, title and pointer, because `detail` quotes the request with its e-mail
addresses.
Sources: developers.klaviyo.com "Rate limits, status codes, and errors", openapi 2026-07-15 (`ClientError`).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from schemas.outcomes import Later, Misconfigured, Never

Failure = Later | Never | Misconfigured

#: Shortest wait in seconds. An immediate retry is always throttled again, and Klaviyo may send `Retry-After: 0`
#: (github.com/klaviyo/klaviyo-api-python issue 15).
LEAST_WAIT_S: Final = 0.3
#: Seconds to wait after a 429 without a time: the length of the burst window.
BURST_WINDOW_S: Final = 1.0
#: Tries after which a refusal that is not from Klaviyo's API itself counts as final.
MIDDLEBOX_TRIES: Final = 20

#: Reasons that decide what happens next.
PROFILE_NOT_FOUND: Final = "profile-not-found"
NO_KEY: Final = "no-key"

_SHOWN_ERRORS: Final = 5

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_AVAILABLE_IN = re.compile(r"available in ([0-9]{1,6}) second")
_ADDRESS = re.compile(r"\S*@\S*")


@dataclass(frozen=True, slots=True)
class ApiError:
    """One entry of a JSON:API `errors` list, reduced to what is safe to show."""

    code: str
    title: str
    #: JSON pointer into our body, or the name of the parameter; empty if Klaviyo sent neither.
    pointer: str
    about_revision: bool
    #: Seconds, from the text of a 429.
    available_in: float | None

    def __str__(self) -> str:
        """Show code, title and place."""
        return f"{self.code}: {self.title}" + (f" at {self.pointer}" if self.pointer else "")


def api_errors(body: bytes) -> tuple[ApiError, ...]:
    """Parse the JSON:API errors of a body; empty if it contains none."""
    try:
        errors = json.loads(body)["errors"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
    return tuple(read_errors(errors)) if isinstance(errors, list) else ()


def read_errors(errors: Iterable[object]) -> list[ApiError]:
    """Parse error objects; other values are skipped."""
    return [_api_error(error) for error in errors if isinstance(error, dict)]


def failure_of(status: int, headers: Mapping[str, str], body: bytes, *, by_profile_id: bool = False) -> Failure:
    """
    Return the failure for a refused request. `headers` must ignore case.

    `by_profile_id`: the request addressed a profile by Klaviyo's id, which ends with a merge or deletion.
    """
    answer = _Refusal(status, headers, api_errors(body), by_profile_id)
    judge = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _unavailable)
    return judge(answer)


def failure_without_answer(error: httpx.HTTPError | httpx.InvalidURL | TimeoutError) -> Failure:
    """Return the failure for a missing or incomplete response. Drops the error's own text, which may quote a header."""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return Misconfigured("not-sendable", f"no request can be made with this URL and key ({type(error).__name__})")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Later("timeout", "Klaviyo did not respond in time")
    return Later("unreachable", f"the connection to Klaviyo failed ({type(error).__name__})")


def _api_error(error: dict[str, object]) -> ApiError:
    source = error.get("source")
    place = (source.get("pointer") or source.get("parameter") or "") if isinstance(source, dict) else ""
    title, detail = str(error.get("title", "")), str(error.get("detail", ""))
    found = _AVAILABLE_IN.search(detail)
    return ApiError(
        code=_safe(error.get("code", "unknown"), 64),
        title=_safe(title, 160),
        pointer=_safe(place, 200),
        about_revision="revision" in f"{title} {detail} {place}".lower(),
        available_in=float(found[1]) if found else None,
    )


def _safe(text: object, length: int) -> str:
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    return _ADDRESS.sub("…", printable)[:length]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    # Klaviyo sends whole seconds. HTTP also allows a date, which the retry policy replaces by its own wait.
    text = (headers.get("retry-after") or "").strip()
    return max(float(text), LEAST_WAIT_S) if _SECONDS.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A parsed refusal."""

    status: int
    headers: Mapping[str, str]
    errors: tuple[ApiError, ...]
    by_profile_id: bool

    def __str__(self) -> str:
        if not self.errors:
            return f"Klaviyo answered {self.status}"
        shown = "; ".join(map(str, self.errors[:_SHOWN_ERRORS]))
        more = len(self.errors) - _SHOWN_ERRORS
        return f"Klaviyo answered {self.status}: {shown}" + (f" (and {more} more)" if more > 0 else "")

    @property
    def about_revision(self) -> bool:
        return any(error.about_revision for error in self.errors)


def _unauthorized(answer: _Refusal) -> Failure:
    return Misconfigured("unauthorized", f"Klaviyo does not accept the key. {answer}")


def _forbidden(answer: _Refusal) -> Failure:
    if answer.errors:
        return Misconfigured("forbidden", f"the key may not do this; check its scopes. {answer}")
    return Later("blocked", f"a filter in front of Klaviyo refused. {answer}", retry_after=_retry_after(answer.headers))


def _not_found(answer: _Refusal) -> Failure:
    if answer.errors and answer.by_profile_id and not answer.about_revision:
        return Never(PROFILE_NOT_FOUND, f"Klaviyo no longer knows this profile id. {answer}")
    return Misconfigured("not-found", f"Klaviyo does not serve this URL or revision. {answer}")


def _not_served(answer: _Refusal) -> Failure:
    return Misconfigured("not-served", str(answer))


def _redirected(answer: _Refusal) -> Failure:
    return Misconfigured("redirected", f"the URL is not the API itself. {answer}")


def _conflict(answer: _Refusal) -> Failure:
    return Never("conflict", str(answer))


def _too_large(answer: _Refusal) -> Failure:
    return Never("too-large", str(answer))


def _refused(answer: _Refusal) -> Failure:
    if answer.about_revision:
        return Misconfigured("revision", str(answer))
    if answer.errors:
        return Never("refused", str(answer))
    return Later("blocked", str(answer), retry_after=_retry_after(answer.headers), tries=MIDDLEBOX_TRIES)


def _throttled(answer: _Refusal) -> Failure:
    asked = _retry_after(answer.headers)
    waits = [error.available_in for error in answer.errors if error.available_in is not None]
    if asked is None:
        asked = max(waits[0], LEAST_WAIT_S) if waits else BURST_WINDOW_S
    return Later("throttled", str(answer), retry_after=asked)


def _unavailable(answer: _Refusal) -> Failure:
    return Later("unavailable", str(answer), retry_after=_retry_after(answer.headers))


_BY_STATUS: Final[Mapping[int, Callable[[_Refusal], Failure]]] = {
    401: _unauthorized,
    402: _not_served,
    403: _forbidden,
    404: _not_found,
    405: _not_served,
    406: _not_served,
    408: _unavailable,
    409: _conflict,
    410: _not_served,
    413: _too_large,
    415: _not_served,
    425: _unavailable,
    429: _throttled,
}
_BY_CLASS: Final[Mapping[int, Callable[[_Refusal], Failure]]] = {3: _redirected, 4: _refused}
