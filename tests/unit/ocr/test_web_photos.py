"""Photos by their http(s) address: those below the allowed roots, over real sockets, and nothing else."""

import asyncio
import gzip
import ssl
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.reading import Reading, Refused
from ocr_worker.scripted import ScriptedEngine
from ocr_worker.web_photos import Network, WebLimits, WebPhotos, is_public
from schemas.outcomes import Later, Never
from streams.settings import Settings
from streams.wiring import make_fetch

LIMITS = WebLimits(max_bytes=100_000, seconds=5)
PHOTOS = WebPhotos(["http://cdn.test/photos/"], LIMITS)
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def host(answer, address="127.0.0.1", port=0, tls=None):
    """A web server that gives the same answer to everyone (bytes, or a coroutine that writes it); tells who asked."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        try:
            seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            seen.append("gone")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, address, port, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


def whole(photo: bytes, *headers: bytes) -> bytes:
    return (
        OK + b"".join(b"%b\r\n" % header for header in (*headers, b"Content-Length: %d" % len(photo))) + b"\r\n" + photo
    )


def pointing(*addresses: str, calls: list[str] | None = None):
    """A name server that gives these addresses, and tells what it was asked."""

    async def resolve(name: str, _: int):
        if calls is not None:
            calls.append(name)
        return addresses

    return resolve


def loopback(address: str) -> bool:
    return address.startswith("127.")


async def test_a_photo_below_a_root_is_read_end_to_end(worker, draw):
    photo = draw()
    async with host(whole(photo)) as (port, seen):
        root = f"http://127.0.0.1:{port}/photos"
        fetch = make_fetch(Settings(ocr_uri_roots=(root,)), by_uri=False)
        async with worker(ScriptedEngine(), fetch=fetch) as client:
            answer = await client.post("/ocr", json={"image_uri": f"{root}/a%201.jpg?signature=x"})

    assert answer.status_code == 200
    assert Reading.model_validate(answer.json()).image.width == 800
    assert seen[0].startswith(f"GET /photos/a%201.jpg?signature=x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")
    assert len(seen) == 1


async def test_a_worker_of_web_photos_opens_no_store_and_the_other_way_round(worker, tmp_path, draw):
    (tmp_path / "1.jpg").write_bytes(draw())
    async with host(whole(draw())) as (port, seen):
        web = Settings(store_url=f"file:{tmp_path}", ocr_uri_roots=(f"http://127.0.0.1:{port}/",))
        in_web, in_store = f"http://127.0.0.1:{port}/1.jpg", (tmp_path / "1.jpg").as_uri()
        answers = []
        for fetch in (
            make_fetch(web, by_uri=False),
            make_fetch(web, by_uri=True),
            make_fetch(Settings(store_url=f"file:{tmp_path}"), by_uri=True),
        ):
            async with worker(ScriptedEngine(), fetch=fetch) as client:
                answers.append(
                    [(await client.post("/ocr", json={"image_uri": uri})).status_code for uri in (in_web, in_store)]
                )

    assert answers == [[200, 422], [200, 200], [422, 200]]
    assert len(seen) == 2
    assert make_fetch(Settings(), by_uri=False) is None


ELSEWHERE = (
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "http://localhost:{port}/photos/1.jpg",
    "http://127.0.0.1:{port}/photos/1.jpg",
    "http://evil.test:{port}/photos/1.jpg",
    "http://cdn.test.evil.test:{port}/photos/1.jpg",
    "http://cdn.test/photos/1.jpg",
    "http://cdn.test:1/photos/1.jpg",
    "https://cdn.test:{port}/photos/1.jpg",
    "ftp://cdn.test:{port}/photos/1.jpg",
    "http://cdn.test:{port}/private/1.jpg",
    "http://cdn.test:{port}/photos",
    "http://cdn.test:{port}/photosx/1.jpg",
    "http://cdn.test:{port}/photos/../private/1.jpg",
    "http://cdn.test:{port}/photos/%2e%2e/private/1.jpg",
    "http://cdn.test:{port}/photos/..%2fprivate/1.jpg",
    "http://cdn.test:{port}/photos/..%5Cprivate/1.jpg",
    "http://cdn.test:{port}/photos/..\\private/1.jpg",
    "http://cdn.test:{port}/photos/..;/private/1.jpg",
    "http://cdn.test:{port}/photos/%2e%2e;x/private/1.jpg",
    "http://cdn.test:{port}/photos/%252e%252e%252fprivate/1.jpg",
    "http://cdn.test:{port}/photos/%c0%ae%c0%ae/private/1.jpg",
    "http://cdn.test:{port}@evil.test/photos/1.jpg",
    "http://cdn.test:{port}\\@evil.test/photos/1.jpg",
    "http://user@cdn.test:{port}/photos/1.jpg",
    "http://:@cdn.test:{port}/photos/1.jpg",
    "http://@cdn.test:{port}/photos/1.jpg",
    "http://evil.test#@cdn.test:{port}/photos/1.jpg",
    "http://evil.test/?@cdn.test:{port}/photos/1.jpg",
    "http://cdn.test:{port}/photos/1.jpg#fragment",
    "http://cdn.test.:{port}/photos/1.jpg",
    "http://%63dn.test:{port}/photos/1.jpg",
    "http://cdn。test:{port}/photos/1.jpg",
    "http://cdn.test:{port}/photos/ 1.jpg",
    "http://cdn.test:{port}/photos/1.jpg\r\nX: y",
    "http://cdn.test:{port}/photos/\x00",
    "http:cdn.test:{port}/photos/1.jpg",
    "http:///cdn.test:{port}/photos/1.jpg",
    "//cdn.test:{port}/photos/1.jpg",
    "http://[cdn.test]:{port}/photos/1.jpg",
    "http://cdn.test:{port}{port}/photos/1.jpg",
    "",
)


@pytest.mark.parametrize("uri", ELSEWHERE)
async def test_nothing_outside_the_roots_is_looked_up_or_asked(uri):
    calls: list[str] = []
    network = Network(pointing("127.0.0.1", calls=calls), loopback)
    async with host(whole(b"planted")) as (port, seen):
        photos = WebPhotos([f"http://cdn.test:{port}/photos/"], LIMITS, network)
        outcome = await photos.get(uri.format(port=port))

    assert isinstance(outcome, Never)
    assert outcome.reason == "photo-not-ours"
    assert (seen, calls) == ([], [])


PIECES = (
    "http://",
    "cdn.test",
    "evil.test",
    "/photos/",
    "@",
    ":",
    "\\",
    "#",
    "?",
    "/",
    "..",
    "%2e",
    "%2f",
    "[",
    "]",
    ".",
    "80",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=8).map("".join))
def test_whatever_is_allowed_another_parser_finds_at_the_root_too(rest: str):
    uri = f"http://cdn.test{rest}"

    if PHOTOS.covers(uri):
        parts = urlsplit(uri)
        assert (parts.hostname, parts.port or 80, parts.username) == ("cdn.test", 80, None)
        assert parts.path.startswith("/photos/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status):
    async with host(whole(b"planted")) as (inner_port, inner_seen):
        moved = b"HTTP/1.1 %d Moved\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % (
            status,
            inner_port,
        )
        async with host(moved) as (port, _):
            outcome = await WebPhotos([f"http://127.0.0.1:{port}/"], LIMITS).get(f"http://127.0.0.1:{port}/1.jpg")

    assert isinstance(outcome, Never)
    assert outcome.reason == "photo-elsewhere"
    assert inner_seen == []


async def test_a_name_is_looked_up_once_and_the_address_checked_is_the_one_asked():
    """A name server that changes its mind (DNS rebinding) finds nobody asking again."""
    answers = iter((["127.0.0.2"], ["127.0.0.1"]))
    calls: list[str] = []

    async def resolve(name: str, _: int):
        calls.append(name)
        return next(answers)

    async with (
        host(whole(b"photo"), "127.0.0.2") as (port, seen),
        host(whole(b"planted"), port=port) as (_, inner_seen),
    ):
        network = Network(resolve, lambda address: address == "127.0.0.2")
        photos = WebPhotos([f"http://cdn.test:{port}/"], LIMITS, network)
        first = await photos.get(f"http://cdn.test:{port}/1.jpg")
        second = await photos.get(f"http://cdn.test:{port}/1.jpg")

    assert first == b"photo"
    assert f"\r\nHost: cdn.test:{port}\r\n" in seen[0]
    assert isinstance(second, Never)
    assert inner_seen == []
    assert calls == ["cdn.test"] * 2


INSIDE = (
    "127.0.0.1",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "::",
    "::1",
    "fd00::1",
    "fe80::1",
    "ff0e::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "64:ff9b:1::a00:1",
    "fec0::1",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "192.0.0.8",
)


@pytest.mark.parametrize("addresses", [(address,) for address in INSIDE] + [("1.1.1.1", "127.0.0.1")], ids=" ".join)
async def test_a_name_that_leads_inside_is_not_asked_even_when_it_leads_outside_too(addresses):
    async with host(whole(b"planted")) as (port, seen):
        photos = WebPhotos([f"http://cdn.test:{port}/"], LIMITS, Network(pointing(*addresses)))
        outcome = await photos.get(f"http://cdn.test:{port}/1.jpg")

    assert isinstance(outcome, Never)
    assert outcome.reason == "photo-not-ours"
    assert seen == []


def test_addresses_of_the_open_internet_are_public():
    assert all(map(is_public, ("1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101")))


async def test_the_next_address_is_asked_when_nobody_answers_at_the_first():
    async with host(whole(b"photo"), "127.0.0.2") as (port, _):
        network = Network(pointing("127.0.0.3", "127.0.0.2"), loopback)
        photos = WebPhotos([f"http://cdn.test:{port}/"], LIMITS, network)

        assert await photos.get(f"http://cdn.test:{port}/1.jpg") == b"photo"


async def test_an_endless_photo_is_cut_off_at_the_limit():
    sent = 0

    async def endless(writer: asyncio.StreamWriter):
        nonlocal sent
        writer.write(OK + b"\r\n")
        while True:
            writer.write(bytes(10_000))
            await writer.drain()
            sent += 10_000

    async with host(endless) as (port, seen):
        outcome = await WebPhotos([f"http://127.0.0.1:{port}/"], LIMITS).get(f"http://127.0.0.1:{port}/")
        async with asyncio.timeout(10):
            while "gone" not in seen:
                await asyncio.sleep(0.01)

    assert isinstance(outcome, Refused)
    assert outcome.code == "too_large"
    # What the sockets between the two hold comes on top of the limit.
    assert sent < 20_000_000


async def test_a_compressed_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(50_000_000))
    async with host(whole(bomb, b"Content-Encoding: gzip")) as (port, seen):
        outcome = await WebPhotos([f"http://127.0.0.1:{port}/"], LIMITS).get(f"http://127.0.0.1:{port}/")

    assert outcome == bomb
    assert "\r\naccept-encoding: identity\r\n" in seen[0].lower()


@pytest.mark.parametrize("beginning", [b"", OK, OK + b"Content-Length: 10\r\n\r\nslow"], ids=["silent", "head", "body"])
async def test_a_slow_host_costs_a_bounded_time(beginning):
    async def slow(writer: asyncio.StreamWriter):
        writer.write(beginning)
        while not writer.is_closing():
            await asyncio.sleep(0.01)

    async with host(slow) as (port, _):
        photos = WebPhotos([f"http://127.0.0.1:{port}/"], WebLimits(seconds=0.2))
        async with asyncio.timeout(5):
            outcome = await photos.get(f"http://127.0.0.1:{port}/")

    assert isinstance(outcome, Later)
    assert outcome.reason == "photo-host-slow"


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Never, "photo-not-given"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Never, "photo-not-given"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Never, "photo-not-given"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", Later, "photo-host-down"),
        (b"HTTP/1.1 429 Too Many Requests\r\n\r\n", Later, "photo-host-down"),
        (b"SSH-2.0-OpenSSH\r\n", Later, "photo-host-unreachable"),
        (b"", Later, "photo-host-unreachable"),
        (OK + b"Content-Length: 10\r\n\r\nshort", Later, "photo-host-unreachable"),
    ],
)
async def test_whatever_the_host_says_is_a_value(answer, kind, reason):
    async with host(answer) as (port, _):
        outcome = await WebPhotos([f"http://127.0.0.1:{port}/"], LIMITS).get(f"http://127.0.0.1:{port}/")

    assert isinstance(outcome, kind)
    assert outcome.reason == reason


async def test_a_name_that_does_not_exist_is_for_later():
    async def unknown(*_: object):
        raise OSError("no such name")

    outcome = await WebPhotos(["https://cdn.test/"], LIMITS, Network(unknown)).get("https://cdn.test/1.jpg")

    assert isinstance(outcome, Later)
    assert outcome.reason == "photo-host-unreachable"


async def test_over_https_the_name_itself_must_stand_in_the_certificate(certificate):
    cert, key = certificate("DNS:cdn.test")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(cert, key)
    network = Network(pointing("127.0.0.1"), loopback, ssl.create_default_context(cafile=cert))
    async with host(whole(b"photo"), tls=served) as (port, _):
        roots = [f"https://cdn.test:{port}/", f"https://other.test:{port}/"]
        photos = WebPhotos(roots, LIMITS, network)
        right, wrong = [await photos.get(f"{root}1.jpg") for root in roots]
        strange = await WebPhotos(roots, LIMITS, Network(pointing("127.0.0.1"), loopback)).get(f"{roots[0]}1.jpg")

    assert right == b"photo"
    assert [isinstance(one, Later) and one.reason for one in (wrong, strange)] == ["photo-host-unreachable"] * 2


@pytest.mark.parametrize(
    "root", ["cdn.test", "file:///etc/", "https://user@cdn.test/", "https:///", "https://cdn.test/?x=/", ""]
)
def test_a_root_that_is_no_plain_address_is_refused_at_once(root):
    with pytest.raises(ValueError, match="not a plain"):
        WebPhotos([root], LIMITS)
