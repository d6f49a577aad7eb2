"""OAuth: a token is renewed once, before it ends, by one of many, and is never lost."""

import asyncio
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from klaviyo_sink.client import KlaviyoClient
from klaviyo_sink.tokens import OAuth, TokenFile, Tokens, authorize_url, exchange_code, new_verifier, token_url
from schemas.outcomes import Misconfigured


class Merchant(BaseHTTPRequestHandler):
    """Klaviyo's token endpoint and one protected page."""

    forms: list[dict[str, list[str]]]
    good: str
    refuse: bool

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.server.forms.append(form)
        if self.server.refuse:
            return self.reply(400, {"error": "invalid_grant"})
        number = len(self.server.forms)
        self.server.good = f"access-{number}"
        return self.reply(
            200, {"access_token": self.server.good, "refresh_token": f"refresh-{number}", "expires_in": 3600}
        )

    def do_GET(self):
        good = self.headers["authorization"] == f"Bearer {self.server.good}"
        self.reply(200 if good else 401, {})

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object):
        pass


@pytest.fixture
def merchant() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Merchant) as server:
        server.forms, server.good, server.refuse = [], "access-0", False
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def file(merchant, tmp_path):
    url = token_url(f"http://127.0.0.1:{merchant.server_port}/")
    file = TokenFile(tmp_path / "tokens" / "klaviyo.json", "client", SecretStr("s3cret"), url)
    file.save(Tokens(access_token="access-0", refresh_token="refresh-0", expires_at=1000))
    return file


async def get(file, now, *, times=1):
    auth = OAuth(file, lambda: now)
    url = file.token_url
    async with httpx.AsyncClient(auth=auth, trust_env=False) as http:
        return {one.status_code for one in await asyncio.gather(*(http.get(url) for _ in range(times)))}


async def test_a_token_that_lasts_is_used_as_it_is(file, merchant):
    assert await get(file, 100) == {200}
    assert merchant.forms == []


async def test_a_token_about_to_end_is_renewed_once_for_all_and_kept_privately(file, merchant):
    assert await get(file, 990, times=8) == {200}
    assert [form["refresh_token"] for form in merchant.forms] == [["refresh-0"]]
    assert file.load().refresh_token.get_secret_value() == "refresh-1"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert await get(file, 991) == {200}
    assert len(merchant.forms) == 1


async def test_a_token_that_klaviyo_no_longer_takes_is_renewed_at_once(file, merchant):
    merchant.good = "something else"
    assert await get(file, 100) == {200}
    assert len(merchant.forms) == 1


async def test_a_revoked_pair_shows_as_401_and_is_kept(file, merchant):
    merchant.refuse, merchant.good = True, "something else"
    assert await get(file, 100) == {401}
    assert file.load().refresh_token.get_secret_value() == "refresh-0"


async def test_a_token_file_that_cannot_be_used_is_a_set_up_fault(tmp_path, merchant):
    """Such as one below a file, or on a disk that is full or read-only."""
    (tmp_path / "not-a-folder").touch()
    url = f"http://127.0.0.1:{merchant.server_port}"
    file = TokenFile(tmp_path / "not-a-folder" / "tokens.json", "client", SecretStr("s3cret"), token_url(url))
    async with KlaviyoClient(url, OAuth(file, lambda: 0.0), revision="2026-07-15", timeout_s=5) as client:
        answer = await client.create_event(b"{}", by_profile_id=False)
    assert isinstance(answer, Misconfigured)
    assert answer.reason == "tokens-file"


def test_a_code_becomes_tokens(file, merchant):
    verifier = new_verifier()
    assert 43 <= len(verifier) <= 128
    page = httpx.URL(authorize_url("client", "events:write", "https://shop.cn/back", "state", verifier))
    assert page.params["code_challenge_method"] == "S256"
    assert verifier not in str(page)
    exchange_code(file, "code-1", verifier, "https://shop.cn/back", 50)
    assert merchant.forms[0]["code_verifier"] == [verifier]
    assert file.load().expires_at == 3650
    assert "s3cret" not in repr(file)
    assert "access" not in repr(file.load().access_token)
