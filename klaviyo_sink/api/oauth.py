"""
OAuth tokens: adds the access token to requests, renews it before it expires, keeps the pair in a private file.

A renewed pair must never be lost, so it is written to the file before it is used. Several processes share the file; a
lock next to it lets one of them renew. Knows neither events nor profiles.

Source: developers.klaviyo.com "Set up OAuth" (PKCE S256; `Basic base64(client_id:client_secret)`, form-encoded;
access tokens last an hour; at most ten renewals a minute).
"""

import asyncio
import base64
import errno
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ConfigDict, FiniteFloat, SecretStr

from schemas.input_files import read_small

AUTHORIZE_URL: Final = "https://www.klaviyo.com/oauth/authorize"
#: Seconds before its expiry at which a token is renewed.
MARGIN_S: Final = 120
#: Seconds for which a refused pair is not tried again: a person must log in again.
REFUSED_S: Final = 60
#: Seconds between tries without a response, or without a writable file: ten renewals a minute are allowed.
FAILED_S: Final = 6
#: Time limit of a request to the token endpoint, in seconds.
ASK_S: Final = 10
#: Most bytes of the token file.
LARGEST: Final = 100_000
_UNAUTHORIZED: Final = 401
_REFUSED: Final = frozenset({400, 401, 403})


class Tokens(BaseModel):
    """A pair of tokens, and when the access token expires, in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: SecretStr
    refresh_token: SecretStr
    expires_at: FiniteFloat

    def stored(self) -> str:
        """Return the content of the file."""
        return json.dumps(
            {
                "access_token": self.access_token.get_secret_value(),
                "refresh_token": self.refresh_token.get_secret_value(),
                "expires_at": self.expires_at,
            }
        )


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The file of the tokens (created with mode 0600), and the app they belong to."""

    path: Path
    client_id: str
    client_secret: SecretStr
    token_url: str

    def load(self) -> Tokens:
        """
        Read the tokens.

        Raises:
            OSError: The file does not exist, or has no tokens.

        """
        try:
            return Tokens.model_validate_json(read_small(self.path, most_bytes=LARGEST))
        except ValueError:
            raise OSError(errno.EINVAL, "contains no tokens") from None

    def save(self, tokens: Tokens) -> None:
        """Replace the tokens atomically: a crash leaves the old pair or the new one. Call it inside `locked`."""
        # Always the same name, so that the next process overwrites what a killed one left.
        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(tokens.stored())
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change the tokens. Blocks."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def token_url(api_url: str) -> str:
    """Return the token endpoint of an API."""
    return f"{api_url.rstrip('/')}/oauth/token"


def authorize_url(client_id: str, scopes: str, redirect_uri: str, state: str, verifier: str) -> str:
    """Return the page where a merchant authorizes the app."""
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scopes,
        "state": state,
        "code_challenge_method": "S256",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }
    return f"{AUTHORIZE_URL}?{urlencode(query)}"


def new_verifier() -> str:
    """Create a PKCE code verifier (RFC 7636: 43 to 128 characters)."""
    return secrets.token_urlsafe(64)


def exchange_code(file: TokenFile, code: str, verifier: str, redirect_uri: str, now: float) -> Tokens:
    """
    Exchange the code from the merchant's browser for tokens, and store them. Blocks.

    Raises:
        httpx.HTTPError: Klaviyo refused, or did not respond.

    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": redirect_uri,
    }
    tokens = _ask(file, form, now)
    # Wait for a renewal in progress, which must not overwrite this pair with the old app's.
    with file.locked():
        file.save(tokens)
    return tokens


@dataclass(frozen=True, slots=True)
class _Failed:
    """A failed renewal: of which pair, why, and until when it is not tried again."""

    pair: Tokens
    error: httpx.HTTPError | OSError
    until: float

    def holds(self, now: float) -> bool:
        """Return whether to keep waiting. A longer wait than `REFUSED_S` means that the clock was set back."""
        return 0 < self.until - now <= REFUSED_S


class OAuth(httpx.Auth):
    """
    Adds the token to requests; renews it shortly before it expires, and once more after a 401.

    A valid token is used while its renewal is in progress or fails. A revoked token is still sent: Klaviyo's 401 then
    tells the caller.
    """

    def __init__(self, file: TokenFile, now: Callable[[], float]) -> None:
        self._file, self._now = file, now
        self._tokens: Tokens | None = None
        self._failed: _Failed | None = None
        self._renewal: asyncio.Task[Tokens] | None = None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token and send; renew and send again if Klaviyo does not accept the token."""
        tokens = await self._current(None)
        _sign(request, tokens)
        answer = yield request
        if answer.status_code == _UNAUTHORIZED:
            newer = await self._current(tokens)
            if newer != tokens:
                _sign(request, newer)
                yield request

    async def _current(self, refused: Tokens | None) -> Tokens:
        if self._tokens is None:
            self._tokens = await asyncio.to_thread(self._file.load)
        if self._lasts(self._tokens, refused, MARGIN_S):
            return self._tokens
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(refused))
            # The task must not raise if nobody waits for it.
            self._renewal.add_done_callback(lambda task: task.cancelled() or task.exception())
        if self._lasts(self._tokens, refused):
            return self._tokens
        # A caller that stops waiting must not cancel it for the others.
        return await asyncio.shield(self._renewal)

    async def _renew(self, refused: Tokens | None) -> Tokens:
        self._tokens = await asyncio.to_thread(self._usable, refused)
        return self._tokens

    def _lasts(self, tokens: Tokens, refused: Tokens | None, margin_s: float = 0) -> bool:
        return tokens != refused and self._now() < tokens.expires_at - margin_s

    def _usable(self, refused: Tokens | None) -> Tokens:
        """Return the pair in the file, renewed if necessary."""
        stored = self._file.load()
        if self._lasts(stored, refused, MARGIN_S):
            return stored
        failed = self._failed
        if failed is None or failed.pair != stored or not failed.holds(self._now()):
            try:
                return self._renewed(refused)
            except (httpx.HTTPError, OSError) as error:
                pause_s = REFUSED_S if _is_refusal(error) else FAILED_S
                failed = self._failed = _Failed(stored, error, self._now() + pause_s)
        if _is_refusal(failed.error) or self._lasts(stored, refused):
            return stored
        raise failed.error.with_traceback(None)

    def _renewed(self, refused: Tokens | None) -> Tokens:
        with self._file.locked():
            stored = self._file.load()
            # Another process may have renewed it first.
            if self._lasts(stored, refused, MARGIN_S):
                return stored
            form = {"grant_type": "refresh_token", "refresh_token": stored.refresh_token.get_secret_value()}
            tokens = _ask(self._file, form, self._now(), stored.refresh_token)
            self._file.save(tokens)
            return tokens


def _is_refusal(error: httpx.HTTPError | OSError) -> bool:
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _REFUSED


def _ask(file: TokenFile, form: dict[str, str], now: float, old: SecretStr | None = None) -> Tokens:
    secret = file.client_secret.get_secret_value()
    answer = httpx.post(file.token_url, data=form, auth=(file.client_id, secret), timeout=ASK_S)
    try:
        content = answer.raise_for_status().json()
        renewed = content.get("refresh_token") or (old.get_secret_value() if old else "")
        lasts_s = float(content.get("expires_in", 3600))
        return Tokens(access_token=content["access_token"], refresh_token=renewed, expires_at=now + lasts_s)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Do not quote the response, which may contain part of a pair.
        raise httpx.RemoteProtocolError("the token endpoint returned no tokens") from None


def _sign(request: httpx.Request, tokens: Tokens) -> None:
    request.headers["Authorization"] = f"Bearer {tokens.access_token.get_secret_value()}"
