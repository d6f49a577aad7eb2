"""Every kind of bad input over HTTP: a clear problem, quickly, and a worker that goes on."""

import struct
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine

SAMPLES = Path(__file__).parents[3] / "samples" / "photos"
#: Generous for a busy machine; what runs away takes minutes.
MOST_S = 60.0


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(width: int = 300, height: int = 200) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8))


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def text_bomb() -> bytes:
    """A small PNG that carries a hundred kilobytes of remarks, which unpack to a hundred megabytes."""
    sound = saved(noise(8, 8), "PNG")
    # Behind the signature and the header.
    return sound[:33] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000))) + sound[33:]


def png_bomb(side: int) -> bytes:
    """A few kilobytes of PNG that claim to be so many pixels wide and high, and do unpack to thousands of rows."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side * 3)
    rows = b"".join(packer.compress(row) for _ in range(1_000)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tiff_bomb() -> bytes:
    """A tiny TIFF that claims to be 30,000 px wide and high."""
    sound = saved(Image.new("1", (64, 64)), "TIFF", compression="group4")
    return sound.replace(struct.pack("<HHIH", 256, 3, 1, 64), struct.pack("<HHIH", 256, 3, 1, 30_000)).replace(
        struct.pack("<HHIH", 257, 3, 1, 64), struct.pack("<HHIH", 257, 3, 1, 30_000)
    )


def animated(frames: int) -> bytes:
    """A GIF with its one frame so many times, each shown for a tenth of a second."""
    still = saved(Image.new("P", (64, 48), 1), "GIF")
    at = still.index(b"\x2c")
    return still[:at] + (b"\x21\xf9\x04\x00\x0a\x00\x00\x00" + still[at:-1]) * frames + b";"


def cut(photo: bytes) -> bytes:
    return photo[: len(photo) * 2 // 3]


def zero_frames(photo: bytes) -> bytes:
    """A GIF that ends where its first frame should begin."""
    return photo[: photo.index(b"\x2c")] + b";"


BAD = {
    "zero bytes": (lambda: b"", 400, "unreadable"),
    "text": ((SAMPLES / "not-a-photo.jpg").read_bytes, 415, "unsupported"),
    "svg": (lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', 415, "unsupported"),
    "svg that asks for a file": (lambda: b'<svg><image href="file:///etc/passwd"/></svg>', 415, "unsupported"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", 415, "unsupported"),
    "zip": (lambda: b"PK\x03\x04" + bytes(100), 415, "unsupported"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "unsupported"),
    "video": (lambda: b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", 415, "unsupported"),
    "jpeg cut short": ((SAMPLES / "cut-short.jpg").read_bytes, 400, "unreadable"),
    "heic cut short": (lambda: cut(saved(noise(), "HEIF")), 400, "unreadable"),
    "heic of its first bytes": (lambda: saved(noise(), "HEIF")[:40], 400, "unreadable"),
    "avif cut short": (lambda: cut(saved(noise(), "AVIF")), 400, "unreadable"),
    "gif without a frame": (lambda: zero_frames(saved(noise(), "GIF")), 400, "unreadable"),
    "png bomb": (lambda: png_bomb(30_000), 413, "too-large"),
    "png text bomb": (text_bomb, 400, "unreadable"),
    "tiff bomb": (tiff_bomb, 413, "too-large"),
    "50 MB": (lambda: b"\xff\xd8\xff" + bytes(50_000_000), 413, "too-large"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_broken_photo_is_a_clear_problem_and_the_worker_continues(worker, draw, name):
    make, status, code = BAD[name]
    bad = make()
    async with worker(ScriptedEngine(), OcrConfig()) as client:
        started = time.monotonic()
        answer = await client.post("/ocr", files={"image": ("photo.jpg", bad, "image/jpeg")})
        taken = time.monotonic() - started
        after = await client.post("/ocr", files={"image": draw((80, 60), ())})

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:hangtag:problem:{code}")
    assert len(answer.json()["detail"]) > 10
    assert taken < MOST_S
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("name", "photo"),
    [
        ("5,000 frames", lambda: animated(5_000)),
        ("a strip 1 px wide", lambda: saved(Image.new("RGB", (1, 20_000), "white"), "PNG")),
        ("a strip 1 px high", lambda: saved(Image.new("RGB", (20_000, 1), "white"), "PNG")),
        ("59 million pixels in a few kilobytes", lambda: png_bomb(7_700)),
        ("one pixel", lambda: saved(Image.new("RGB", (1, 1), "white"), "PNG")),
    ],
)
async def test_the_real_engine_reads_odd_but_valid_photos_in_bounded_time(worker, rapid, name, photo):
    data = photo()
    async with worker(rapid, OcrConfig()) as client:
        started = time.monotonic()
        answer = await client.post("/ocr", files={"image": data})
        taken = time.monotonic() - started

    assert answer.status_code == 200
    assert answer.json()["texts"] == []
    assert taken < MOST_S


@pytest.mark.parametrize("declared", ["text/plain", "application/pdf", "image/png", "nonsense", "image/svg+xml"])
async def test_a_declared_content_type_does_not_count(worker, draw, declared):
    async with worker(ScriptedEngine()) as client:
        right = await client.post("/ocr", files={"image": ("a.exe", draw(), declared)})
        wrong = await client.post("/ocr", files={"image": ("a.jpg", b"MZ\x90\x00", declared)})

    assert (right.status_code, wrong.status_code) == (200, 415)
