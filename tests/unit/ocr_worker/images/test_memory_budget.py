"""Photos and engines share one budget of bytes: it is never exceeded, and every waiting photo gets its turn."""

import struct
import subprocess
import sys
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.images.memory import BUDGET, MOST_FOR_ONE_PHOTO, MemoryBudget
from ocr_worker.images.mend import mend
from ocr_worker.result import Refused

SIDE = 7745  # 60 MP


def saved(kind: str, mode: str, side: int = SIDE, **options: object) -> bytes:
    out = BytesIO()
    Image.new(mode, (side, side)).save(out, kind, **options)
    return out.getvalue()


def refusal(photo: bytes) -> str:
    outcome = open_photo(photo, Limits())
    assert isinstance(outcome, Refused)
    assert outcome.code == "too_large"
    return outcome.message


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_no_more_memory_is_reserved_than_exists_except_by_a_single_photo(amounts):
    budget, lock, held = MemoryBudget(8), threading.Lock(), []

    def work(amount: int) -> None:
        with budget.hold(amount):
            with lock:
                held.append(amount)
                assert sum(held) <= 8 or held == [amount]
            with lock:
                held.remove(amount)

    with ThreadPoolExecutor(6) as threads:
        for one in [threads.submit(work, amount) for amount in amounts]:
            one.result(10)


def test_a_large_photo_is_not_overtaken_for_ever_by_small_ones():
    budget, order = MemoryBudget(10), []

    def work(amount: int) -> None:
        with budget.hold(amount):
            order.append(amount)

    with ThreadPoolExecutor(2) as threads:
        with budget.hold(4):
            large = threads.submit(work, 8)
            while not budget._queue:
                pass
            small = threads.submit(work, 1)
            with pytest.raises(TimeoutError):
                small.result(0.1)
        large.result(5)
        small.result(5)
    assert order == [8, 1]


def test_a_failed_decode_gives_its_bytes_back():
    photo = saved("PNG", "RGBA", 64)
    assert isinstance(open_photo(photo[: len(photo) // 2], Limits()), Refused)
    assert BUDGET._held == 0


def test_decoding_waits_while_others_hold_the_budget():
    with ThreadPoolExecutor(1) as other:
        with BUDGET.hold(BUDGET.total):
            waiting = other.submit(open_photo, saved("PNG", "RGB", 64), Limits())
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        assert isinstance(waiting.result(10), DecodedPhoto)


def test_a_photo_that_needs_more_than_one_may_have_is_refused_with_the_figures():
    message = refusal(saved("WEBP", "RGBA", lossless=True))
    assert "MB of memory" in message
    assert f"at most {MOST_FOR_ONE_PHOTO // 10**6} MB" in message


@pytest.mark.parametrize("header", [b"VP8X", b"VP8L", b"VP8 "])
def test_a_webp_is_refused_before_its_decoder_takes_memory_for_its_canvas(header):
    """The decoder takes 8 bytes a pixel when it is made, before it tells how many there are."""
    sides = {
        b"VP8X": bytes(4) + b"\xfe\xff\x3f" * 2,
        b"VP8L": b"\x2f\xff\xff\xff\x0f",
        b"VP8 ": bytes(3) + b"\x9d\x01\x2a\xff\x3f\xff\x3f",
    }[header]
    body = header + (10).to_bytes(4, "little") + sides + bytes(16)
    assert "MB of memory" in refusal(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body)


PEAK = """
import sys
from ocr_worker.images.decode import Limits, open_photo
def peak(): return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
photo = sys.stdin.buffer.read()
before = peak()
outcome = open_photo(photo, Limits())
if hasattr(outcome, "pixels"): outcome.pixels()
print(type(outcome).__name__, peak() - before)
"""

#: Each took over 600 MB when pictures became RGB in one piece; the WebP took 1,674.
BOMBS = {
    "see-through WebP": ("WEBP", "RGBA", {"lossless": True}),
    "see-through PNG": ("PNG", "RGBA", {}),
    "see-through grey PNG": ("PNG", "LA", {}),
    "palette PNG": ("PNG", "P", {"transparency": 0}),
    "deep PNG": ("PNG", "I;16", {}),
    "float TIFF": ("TIFF", "F", {"compression": "tiff_lzw"}),
    "integer TIFF": ("TIFF", "I", {"compression": "tiff_adobe_deflate"}),
    "one-strip TIFF": ("TIFF", "RGB", {"compression": "tiff_lzw", "strip_size": 2**30}),
    "progressive JPEG": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "GIF": ("GIF", "P", {}),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_60_mp_takes_no_more_than_one_photo_may(name):
    kind, mode, options = BOMBS[name]
    seen = subprocess.run(
        [sys.executable, "-c", PEAK], input=saved(kind, mode, **options), capture_output=True, check=True
    )
    outcome, megabytes = seen.stdout.decode().split()
    assert float(megabytes) * 1.048576e6 < MOST_FOR_ONE_PHOTO, outcome


def test_a_cut_png_with_a_giant_header_is_not_unpacked_for_a_repair():
    side = 20_000
    packed = zlib.compress(bytes(400_000_000), 9)
    header = struct.pack(">LLBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", packed)]
    chunks = [
        struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body)) for name, body in parts
    ]
    photo = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)[:-3]
    tracemalloc.start()
    assert mend(photo, "PNG") is None
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
