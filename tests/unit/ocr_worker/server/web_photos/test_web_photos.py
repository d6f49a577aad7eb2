"""Photos by their http(s) address, over real sockets: every behaviour of the host becomes a value, in bounded time."""

import asyncio
import gzip

import pytest
from web_host import LIMITS, OK, host, whole

from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.result import Reading, Refused
from ocr_worker.server.web_photos import WebLimits, WebPhotos
from schemas.outcomes import Later, Never
from streams.config.settings import Settings
from streams.wiring.ocr import make_fetch


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
async def test_every_answer_of_the_host_is_a_value(answer, kind, reason):
    async with host(answer) as (port, _):
        outcome = await WebPhotos([f"http://127.0.0.1:{port}/"], LIMITS).get(f"http://127.0.0.1:{port}/")

    assert isinstance(outcome, kind)
    assert outcome.reason == reason
