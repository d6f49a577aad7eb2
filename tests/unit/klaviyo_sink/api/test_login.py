"""`hangtag klaviyo login`: from the page that a merchant opens to tokens in a private file, and to a signed request."""

import json
import os
import stat
import subprocess
import sys
import threading
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from klaviyo_sink.api.client import Accepted
from klaviyo_sink.api.login import Login, LoginError
from klaviyo_sink.api.oauth import Tokens
from klaviyo_sink.sandbox.server import listen
from schemas.outcomes import Misconfigured
from streams.config.settings import Settings
from streams.wiring.klaviyo import make_klaviyo, make_sink_config

COMMAND = [sys.executable, "-W", "error", "-m", "streams", "klaviyo", "login"]
SECRETS = ("s3cret", "code-1", "access-1", "refresh-1")


@pytest.fixture
def settings(merchant, tmp_path):
    own = {
        "HANGTAG_KLAVIYO_URL": f"http://127.0.0.1:{merchant.server_port}",
        "HANGTAG_KLAVIYO_TOKENS_FILE": str(tmp_path / "tokens" / "klaviyo.json"),
        "HANGTAG_KLAVIYO_CLIENT_ID": "client",
        "HANGTAG_KLAVIYO_CLIENT_SECRET": "s3cret",
    }
    return dict(os.environ) | own  # noqa: TID251 - a child's environment


def free_redirect():
    with listen("127.0.0.1", 0) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/callback"


def started(settings, redirect, tmp_path, *, stdin=subprocess.DEVNULL):
    return subprocess.Popen(
        [*COMMAND, "--redirect", redirect, "--limit-s", "30"],
        env=settings,
        cwd=tmp_path,
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def page_of(login):
    assert login.stdout.readline().startswith("Open this page")
    return httpx.URL(login.stdout.readline().strip())


def visit(address):
    # The line is printed before the listener is open.
    for _ in range(100):
        try:
            return httpx.get(address, trust_env=False)
        except httpx.ConnectError:
            threading.Event().wait(0.05)
    raise AssertionError


def test_the_browser_brings_the_code_and_the_tokens_are_kept_privately(settings, merchant, tmp_path):
    redirect = free_redirect()
    with started(settings, redirect, tmp_path) as login:
        page = page_of(login)
        assert page.params["redirect_uri"] == redirect
        assert "events:write" in page.params["scope"]
        assert visit(redirect.replace("/callback", "/favicon.ico")).status_code == 404
        answer = visit(f"{redirect}?{urlencode({'code': 'code-1', 'state': page.params['state']})}")
        assert "go back to the terminal" in answer.text
        out, err = login.communicate(timeout=30)
    assert (login.returncode, err) == (0, "")
    path = tmp_path / "tokens" / "klaviyo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["access_token"] == "access-1"
    [form] = merchant.forms
    assert form["redirect_uri"] == [redirect]
    assert form["signed"]
    assert not [secret for secret in SECRETS if secret in out + err]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"code": "code-1", "state": "another"}, "does not belong to this login"),
        ({"error": "access_denied"}, "did not authorize the app: access_denied"),
        ({"code": "code-2"}, "Klaviyo rejected the code (HTTP 400)"),
    ],
)
def test_every_failure_of_login_is_one_line_and_stores_nothing(settings, tmp_path, said, why):
    redirect = free_redirect()
    with started(settings, redirect, tmp_path) as login:
        page = page_of(login)
        visit(f"{redirect}?{urlencode({'state': page.params['state']} | said)}")
        _, err = login.communicate(timeout=30)
    assert login.returncode == 1
    assert why in err
    assert err.count("\n") == 1
    assert not (tmp_path / "tokens" / "klaviyo.json").exists()


async def test_with_tokens_the_key_is_not_used_and_without_any_in_the_file_someone_is_called(merchant, tmp_path):
    settings = Settings(
        klaviyo_url=f"http://127.0.0.1:{merchant.server_port}",
        klaviyo_key="pk_unused",
        klaviyo_tokens_file=tmp_path / "klaviyo.json",
        klaviyo_client_id="client",
        klaviyo_client_secret="s3cret",
    )
    async with make_klaviyo(settings) as client:
        assert isinstance(await client.call("GET", "/api/metrics"), Misconfigured)
        lasting = Tokens(access_token="access-0", refresh_token="refresh-0", expires_at=4e9)
        make_sink_config(settings).tokens.save(lasting)
        assert isinstance(await client.call("GET", "/api/metrics"), Accepted)
    assert "s3cret" not in repr(settings)


def test_an_address_elsewhere_is_pasted():
    attempt = Login("client", "events:write", "https://shop.cn/back?x=1")
    assert not attempt.comes_here
    assert attempt.code_in(f" https://shop.cn/back?x=1&code=abc&state={attempt.state}\n") == "abc"
    with pytest.raises(LoginError):
        attempt.code_in("https://shop.cn/back?code=abc")
    assert attempt.state not in repr(attempt)
    assert attempt.verifier not in repr(attempt)
    assert parse_qs(urlsplit(attempt.url).query)["state"] == [attempt.state]


def test_an_impossible_login_is_refused_before_the_browser_opens(settings, tmp_path):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with started(settings, f"http://127.0.0.1:{port}/callback", tmp_path) as login:
            _, err = login.communicate(timeout=30)
    assert (login.returncode, f"cannot listen on 127.0.0.1:{port}" in err) == (1, True)
    for missing in ("TOKENS_FILE", "CLIENT_SECRET"):
        less = {name: value for name, value in settings.items() if not name.endswith(missing)}
        with started(less, free_redirect(), tmp_path) as login:
            _, err = login.communicate(timeout=30)
        assert (login.returncode, missing in err) == (2, True)
