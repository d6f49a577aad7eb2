"""OAuth: a token is renewed once, before it ends, by one of many, and is never lost."""

import asyncio
import os
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from klaviyo_sink.api.client import KlaviyoClient
from klaviyo_sink.api.oauth import OAuth, TokenFile, Tokens, authorize_url, exchange_code, new_verifier, token_url
from schemas.outcomes import Misconfigured


@pytest.fixture
def file(merchant, tmp_path):
    url = token_url(f"http://127.0.0.1:{merchant.server_port}/")
    file = TokenFile(tmp_path / "tokens" / "klaviyo.json", "client", SecretStr("s3cret"), url)
    with file.locked():
        file.save(Tokens(access_token="access-0", refresh_token="refresh-0", expires_at=1000))
    return file


def signing(file, now, base=""):
    return httpx.AsyncClient(auth=OAuth(file, now), base_url=base or file.token_url, trust_env=False)


async def get(file, now, *, times=1):
    async with signing(file, lambda: now) as http:
        statuses = {one.status_code for one in await asyncio.gather(*(http.get("/") for _ in range(times)))}
        await renewal(http)
    return statuses


async def renewal(http):
    """Let the started renewals end; callers with a valid token do not wait for them."""
    if http.auth._renewal is not None:
        await asyncio.wait([http.auth._renewal])


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


@pytest.mark.parametrize("now", [100, 2000])
async def test_a_revoked_pair_shows_as_401_stays_and_is_renewed_once_a_minute(file, merchant, now):
    """Whether its access token would still last or has ended."""
    merchant.status, merchant.good = 400, "something else"
    async with signing(file, lambda: now) as http:
        assert [(await http.get("/")).status_code for _ in range(4)] == [401] * 4
        assert len(merchant.forms) == 1
        now += 61
        assert (await http.get("/")).status_code == 401
        assert len(merchant.forms) == 2
        assert file.load().refresh_token.get_secret_value() == "refresh-0"
        file.save(Tokens(access_token="something else", refresh_token="refresh-7", expires_at=9000))
        assert (await http.get("/")).status_code == 200


@pytest.mark.parametrize("status", [None, 429, 500])
async def test_while_renewal_fails_a_valid_token_is_used_and_few_renewals_are_sent(file, merchant, status):
    if status is None:
        file = replace(file, token_url="http://127.0.0.1:1/oauth/token")
    else:
        merchant.status = status
    now, base = 990, f"http://127.0.0.1:{merchant.server_port}"
    async with signing(file, lambda: now, base) as http:
        assert [(await http.get("/")).status_code for _ in range(4)] == [200] * 4
        await renewal(http)
        assert len(merchant.forms) == (0 if status is None else 1)
        now = 1001
        for _ in range(2):
            with pytest.raises(httpx.HTTPError):
                await http.get("/")
        assert len(merchant.forms) == (0 if status is None else 2)


@pytest.mark.parametrize("jump", [-30 * 86_400, 30 * 86_400])
async def test_a_jump_of_the_clock_neither_ends_a_token_nor_stops_its_renewal(file, merchant, jump):
    now, base = 990.0, f"http://127.0.0.1:{merchant.server_port}"
    merchant.status = 500
    async with signing(file, lambda: now, base) as http:
        assert (await http.get("/")).status_code == 200
        await renewal(http)
        merchant.status, now = 200, 990 + jump
        # The pair of the file may seem to have ended, or to last for a month.
        assert (await http.get("/")).status_code == 200
        await renewal(http)
        now = 1010.0
        assert (await http.get("/")).status_code == 200


async def test_a_valid_token_is_used_without_waiting_for_a_renewal(file):
    with file.locked():
        async with asyncio.timeout(5):
            assert await get(file, 100) == {200}


async def test_a_silent_token_endpoint_does_not_delay_a_valid_token(file, merchant):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = replace(file, token_url=f"http://127.0.0.1:{silent.getsockname()[1]}/oauth/token")
        async with signing(hanging, lambda: 990, f"http://127.0.0.1:{merchant.server_port}") as http:
            async with asyncio.timeout(5):
                answers = await asyncio.gather(*(http.get("/") for _ in range(20)))
                connection, _ = await asyncio.to_thread(silent.accept)
            assert {one.status_code for one in answers} == {200}
            # One renewal for all, still under way.
            assert not http.auth._renewal.done()
            connection.close()
            await renewal(http)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_pair_that_cannot_be_kept_leaves_nothing_lying_about(file):
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(IsADirectoryError):
        file.save(Tokens(access_token="access-0", refresh_token="refresh-0", expires_at=1000))
    assert {one.suffix for one in file.path.parent.iterdir()} == {".json", ".lock"}


def test_the_file_is_private_again_after_each_save(file):
    file.path.chmod(0o644)
    file.save(file.load())
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_half_written_file_of_a_killed_process_is_removed(file):
    left = file.path.with_name(f"{file.path.name}.new")
    left.write_text('{"access_token": "half')
    left.chmod(0o644)
    kept = file.load()
    file.save(kept)
    assert file.load() == kept
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert {one.suffix for one in file.path.parent.iterdir()} == {".json", ".lock"}


def test_a_login_is_not_written_over_by_a_renewal_that_was_under_way(file, merchant):
    with ThreadPoolExecutor(1) as threads:
        with file.locked():
            login = threads.submit(exchange_code, file, "code-1", new_verifier(), "https://shop.cn/back", 50)
            while not merchant.forms:
                time.sleep(0.01)
            file.save(Tokens(access_token="renewed", refresh_token="renewed", expires_at=999))
        tokens = login.result(5)
    assert file.load() == tokens


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


HOSTILE = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "large": lambda path: path.write_bytes(b" " * 100_001),
    "deep": lambda path: path.write_bytes(b"[" * 50_000),
    "digits": lambda path: path.write_bytes(b'{"expires_at": ' + b"9" * 50_000 + b"}"),
    "no end": lambda path: path.write_text('{"access_token": "a", "refresh_token": "b", "expires_at": Infinity}'),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_holds_no_tokens_is_an_os_error_and_not_waited_for(tmp_path, make):
    path = tmp_path / "tokens.json"
    make(path)
    with pytest.raises(OSError, match=r"contains no tokens|Is a directory"):
        TokenFile(path, "client", SecretStr("s3cret"), "http://127.0.0.1/").load()
