"""
Classifies obstore's errors: retry, wait for a person, or the object is missing. Pure.

Object stores return an HTTP status and an XML document, which obstore quotes in the error's message.
"""

import re
from typing import Final

from obstore.exceptions import BaseError, InvalidPathError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from schemas.outcomes import Later, Misconfigured

#: The exceptions of obstore: its own, and Python's where it maps to one.
TROUBLE: Final = (BaseError, OSError, ValueError)
#: An error response in obstore's message: the status, and a code in its XML (S3, Google and Azure alike). It comes last
#: in the message, after the key, so that a key cannot be mistaken for it.
_ANSWER = re.compile(r"(\d{3}) [^:<]*:(?:\s|\ufeff|<\?xml[^>]*>)*(?:<Error>\s*<Code>(\w{1,60})</Code>)?")
#: An error response for one of several objects to delete.
_ANSWER_TO_DELETE = re.compile(r"\(code: (\w{1,60})\)$")
#: Codes that stay until a person fixes something, in addition to the statuses 401 and 403.
_REFUSALS: Final = {"AccessDenied", "ExpiredToken", "InvalidToken", "NoSuchBucket", "ContainerNotFound"}
_REFUSED_STATUS: Final = {"401", "403"}
_ODD_KEY: Final = "store-odd-key"


class StoreError(Exception):
    """The store failed; `failure` says why."""

    def __init__(self, failure: Later | Misconfigured) -> None:
        super().__init__(failure.message)
        self.failure = failure

    @property
    def is_odd_key(self) -> bool:
        """Return whether one key prevents a listing. Other folders can be listed nevertheless."""
        return self.failure.reason == _ODD_KEY


def _answer_in(error: Exception) -> tuple[str, str]:
    """Return status and code from obstore's message; each is empty if missing."""
    message = str(error).partition("\n\nDebug source:")[0]
    if found := _ANSWER_TO_DELETE.search(message):
        return "", found[1]
    found = _ANSWER.match(message.rpartition("Server returned non-2xx status code: ")[2])
    return (found[1], found[2] or "") if found else ("", "")


def is_gone(error: Exception) -> bool:
    """Return whether the object is missing, as opposed to its bucket."""
    return isinstance(error, NotFoundError | FileNotFoundError) and _answer_in(error)[1] not in _REFUSALS


def why(error: Exception) -> Later | Misconfigured:
    """Return the failure for an error: one for a person to fix, or one to retry."""
    status, code = _answer_in(error)
    what = code or type(error).__name__
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
    if denied or status in _REFUSED_STATUS or code in _REFUSALS:
        return Misconfigured(
            "store-refused", f"the photo store refused us ({what}); check HANGTAG_STORE_URL, the credentials and rights"
        )
    if isinstance(error, InvalidPathError):
        # Only a listing raises it, and no upload waits for a listing.
        return Later(
            _ODD_KEY,
            "an object of the photo store has empty parts, control characters or no UTF-8 in its key; remove it",
        )
    return Later("store-unreachable", f"the photo store did not answer as it should ({what}); check HANGTAG_STORE_URL")
