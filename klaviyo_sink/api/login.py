"""
OAuth's code flow in a person's browser: the page to open, and the code that comes back.

The redirect goes to a loopback address, where this module receives it (RFC 8252, section 7.3). For any other redirect,
the person pastes the address. Knows neither tokens nor files.
"""

import html
import secrets
import socket
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from klaviyo_sink.api.oauth import authorize_url, new_verifier

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class LoginError(Exception):
    """No code came back; the message says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class Login:
    """One login. `redirect_uri` must equal the one in the app's settings at Klaviyo."""

    client_id: str
    scopes: str
    redirect_uri: str
    verifier: str = field(default_factory=new_verifier, repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """The page where the account's owner authorizes the app."""
        return authorize_url(self.client_id, self.scopes, self.redirect_uri, self.state, self.verifier)

    @property
    def comes_here(self) -> bool:
        """Whether the redirect goes to this machine, so that it can be received here."""
        parts = urlsplit(self.redirect_uri)
        return parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.port is not None

    def code_in(self, address: str) -> str:
        """
        Return the code in the address that the browser was redirected to.

        Raises:
            LoginError: Klaviyo refused, or the address does not belong to this login.

        """
        parameters = {name: values[0] for name, values in parse_qs(urlsplit(address.strip()).query).items()}
        if not secrets.compare_digest(parameters.get("state", "").encode(), self.state.encode()):
            raise LoginError("this address does not belong to this login; start again")
        if "code" not in parameters:
            reason = "".join(one for one in parameters.get("error", "no code")[:60] if one.isprintable())
            raise LoginError(f"Klaviyo did not authorize the app: {reason}")
        return parameters["code"]

    def wait(self, limit_s: float) -> str:
        """
        Wait for the browser's redirect to this machine and return its code. Blocks.

        Raises:
            LoginError: As `code_in`; or no redirect came in time, or the port is in use.

        """
        parts = urlsplit(self.redirect_uri)
        came: list[str] = []
        try:
            with _Listener(parts.hostname or "", parts.port or 0, parts.path, came) as listener:
                listener.timeout = limit_s
                # A browser also requests an icon. Only a request to the path counts.
                for _ in range(20):
                    listener.handle_request()
                    if came or listener.late:
                        break
        except OSError as error:
            raise LoginError(f"cannot listen on {parts.netloc}: {error.strerror}") from None
        if not came:
            raise LoginError(f"no browser connected within {limit_s:g} s")
        return self.code_in(came[0])


class _Listener(HTTPServer):
    """Listens on a loopback address for one request to a path."""

    def __init__(self, host: str, port: int, path: str, came: list[str]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.path, self.came, self.late = path, came, False
        super().__init__((host, port), _Visit)

    def handle_timeout(self) -> None:
        self.late = True


class _Visit(BaseHTTPRequestHandler):
    """One request of the browser."""

    server: _Listener
    #: Seconds that a silent connection may delay the wait.
    timeout = 5

    def do_GET(self) -> None:
        """Record the address, and show what to do next."""
        mine = urlsplit(self.path).path == (self.server.path or "/")
        if mine:
            self.server.came.append(self.path)
        text = "You can close this page and go back to the terminal." if mine else "Nothing is here."
        page = f"<!doctype html><meta charset=utf-8><title>Hangtag</title><p>{html.escape(text)}".encode()
        self.send_response(200 if mine else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_words: object) -> None:
        """Log nothing, because the request line contains the code."""
