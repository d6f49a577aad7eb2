"""
What obstore's errors mean for us: worth another try, for a person to mend, or simply nothing there. Pure.

Stores of objects answer with an HTTP status and an XML document, which obstore quotes in the error's message.
"""

import re
from typing import Final

from obstore.exceptions import BaseError, InvalidPathError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from schemas.outcomes import Later, Misconfigured

#: What obstore raises: its own errors, and Python's where it maps to one.
TROUBLE: Final = (BaseError, OSError, ValueError)
#: How a store of objects answers when it does not do as it was asked: the status, and a code in its XML (S3, Google and
#: Azure alike). It comes last in obstore's message, after the key, so that no key can pass for it.
_ANSWER = re.compile(r"(\d{3}) [^:<]*:(?:\s|\ufeff|<\?xml[^>]*>)*(?:<Error>\s*<Code>(\w{1,60})</Code>)?")
#: The same, of one of many that were to be deleted.
_ANSWER_TO_DELETE = re.compile(r"\(code: (\w{1,60})\)$")
#: Codes that stay until a person mends something, beside all with the statuses 401 and 403.
_REFUSALS: Final = {"AccessDenied", "ExpiredToken", "InvalidToken", "NoSuchBucket", "ContainerNotFound"}
_REFUSED_STATUS: Final = {"401", "403"}


class StoreError(Exception):
    """The store did not do as it was asked; `failure` says why."""

    def __init__(self, failure: Later | Misconfigured) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _answer_in(error: Exception) -> tuple[str, str]:
    """Take the store's answer out of obstore's message: status and code, each empty where it has none."""
    message = str(error).partition("\n\nDebug source:")[0]
    if found := _ANSWER_TO_DELETE.search(message):
        return "", found[1]
    found = _ANSWER.match(message.rpartition("Server returned non-2xx status code: ")[2])
    return (found[1], found[2] or "") if found else ("", "")


def is_gone(error: Exception) -> bool:
    """Tell whether it is the object that is missing, and not its bucket."""
    return isinstance(error, NotFoundError | FileNotFoundError) and _answer_in(error)[1] not in _REFUSALS


def why(error: Exception) -> Later | Misconfigured:
    """Turn an error into a failure: for a person to mend, or worth another try."""
    status, code = _answer_in(error)
    what = code or type(error).__name__
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
    if denied or status in _REFUSED_STATUS or code in _REFUSALS:
        return Misconfigured(
            "store-refused", f"the photo store refused us ({what}); check HANGTAG_STORE_URL, the credentials and rights"
        )
    if isinstance(error, InvalidPathError):
        # Only lists meet it, and no upload waits for those.
        return Later(
            "store-odd-key",
            "an object of the photo store has empty parts, control characters or no UTF-8 in its key; remove it",
        )
    return Later("store-unreachable", f"the photo store did not answer as it should ({what}); check HANGTAG_STORE_URL")
