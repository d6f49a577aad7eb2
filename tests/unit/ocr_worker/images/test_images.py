"""Any bytes become upright RGB pixels or a refusal."""

import struct
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocr_worker.images.decode import SMALL_SIDE, DecodedPhoto, Limits, open_photo
from ocr_worker.images.formats import sniff
from ocr_worker.result import Refused

LIMITS = Limits()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def tiff_of(width: int, height: int) -> bytes:
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 200),
        (278, 4, height),
        (279, 4, 10),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return (b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + bytes(4)).ljust(300, b"\x00")


def code(data: bytes, limits: Limits = LIMITS) -> str:
    outcome = open_photo(data, limits)
    assert isinstance(outcome, Refused)
    return outcome.code


def photo(data: bytes, limits: Limits = LIMITS) -> DecodedPhoto:
    outcome = open_photo(data, limits)
    assert isinstance(outcome, DecodedPhoto), outcome
    return outcome


def quarters(size: tuple[int, int]) -> Image.Image:
    """Red, green, blue and white quarters, clockwise from the top left: no turn leaves them as they are."""
    pixels = np.full((size[1], size[0], 3), 255, dtype=np.uint8)
    half_w, half_h = size[0] // 2, size[1] // 2
    pixels[:half_h, :half_w] = (255, 0, 0)
    pixels[:half_h, half_w:] = (0, 255, 0)
    pixels[half_h:, half_w:] = (0, 0, 255)
    return Image.fromarray(pixels)


def corners(pixels) -> list[tuple[bool, ...]]:
    height, width = pixels.shape[:2]
    spots = (
        (height // 4, width // 4),
        (height // 4, width * 3 // 4),
        (height * 3 // 4, width * 3 // 4),
        (height * 3 // 4, width // 4),
    )
    return [tuple(bool(value > 127) for value in pixels[spot]) for spot in spots]


UPRIGHT = [(True, False, False), (False, True, False), (False, False, True), (True, True, True)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"])
def test_every_allowed_format_is_read(kind: str):
    data = saved(quarters((300, 200)), kind)

    opened = photo(data)

    assert opened.format == kind
    assert (opened.width, opened.height) == (300, 200)
    assert corners(opened.small) == UPRIGHT


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "unreadable"),
        (b"just a text file that someone named photo.jpg", "unsupported"),
        (b"BM is how this text begins, not a bitmap", "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (b"%PDF-1.7\n", "unsupported"),
        (b"\xff\xd8\xff", "unreadable"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "unsupported"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1", "unreadable"),
        (png_of(30_000, 30_000), "too_large"),
        (png_of(9_000, 9_000), "too_large"),
        (png_of(100, 100), "unreadable"),
        (tiff_of(30_000, 30_000), "too_large"),
        (tiff_of(8_000, 8_000), "too_large"),
    ],
    ids=[
        "empty",
        "text",
        "bm-text",
        "svg",
        "pdf",
        "jpeg-magic",
        "video",
        "heic-magic",
        "png-bomb",
        "png-over",
        "png-short",
        "tiff-bomb",
        "tiff-over",
    ],
)
def test_a_broken_photo_is_refused_with_its_reason(data: bytes, expected: str):
    assert code(data) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"])
def test_a_truncated_photo_is_refused_in_every_format(kind: str):
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)

    assert code(data[: len(data) * 2 // 3]) == "unreadable"


def test_a_photo_over_the_byte_limit_is_refused_before_it_is_looked_at():
    assert code(bytes(11), Limits(max_bytes=10)) == "too_large"


def scanned(times: int) -> bytes:
    """A progressive JPEG whose last scan comes so often."""
    data = saved(quarters((64, 64)), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * times + b"\xff\xd9"


def empty_scans(side: int, times: int) -> bytes:
    """A JPEG so many px wide and high of nothing but scans of its first colour, each of ten bytes without a pixel."""
    data = bytearray(saved(quarters((64, 64)), "JPEG", subsampling=0))
    size = data.index(b"\xff\xc0") + 5
    data[size : size + 4] = struct.pack(">HH", side, side)
    return bytes(data[: data.rindex(b"\xff\xda")]) + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * times + b"\xff\xd9"


@pytest.mark.parametrize("data", [scanned(200), empty_scans(4000, 2000)], ids=["progressive", "empty"])
def test_a_jpeg_of_absurdly_many_scans_is_refused_before_it_is_decoded(data: bytes):
    started = time.thread_time()

    assert code(data) == "unreadable"
    # Each empty scan would cost milliseconds.
    assert time.thread_time() - started < 1


def test_a_progressive_jpeg_is_read():
    assert corners(photo(saved(quarters((300, 200)), "JPEG", progressive=True)).small) == UPRIGHT


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_for_every_exif_orientation(orientation: int, kind: str):
    turned_by = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = quarters((300, 200))
    if orientation in turned_by:
        stored = stored.transpose(Image.Transpose(turned_by[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation

    opened = photo(saved(stored, kind, exif=exif.tobytes()))

    assert (opened.width, opened.height) == (300, 200)
    assert opened.small.shape == (200, 300, 3)
    assert corners(opened.small) == corners(opened.pixels()) == UPRIGHT


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_cost_the_photo():
    assert photo(saved(quarters((60, 40)), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")).width == 60


def test_a_large_photo_keeps_its_own_size_and_gives_capped_pixels():
    opened = photo(saved(quarters((4032, 3024)), "JPEG"))

    assert (opened.width, opened.height) == (4032, 3024)
    assert 0.9 * SMALL_SIDE <= max(opened.small.shape) <= SMALL_SIDE
    assert 0.9 * 2048 <= max(opened.pixels().shape) <= 2048
    assert corners(opened.pixels()) == UPRIGHT


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_a_strip_keeps_at_least_one_pixel(size: tuple[int, int]):
    assert min(photo(saved(Image.new("RGB", size), "PNG")).small.shape) >= 1


def test_see_through_parts_become_white():
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))

    assert (photo(saved(clear, "PNG")).small == 255).all()


def test_a_see_through_palette_entry_becomes_white():
    palette = Image.new("P", (20, 20), 3)
    palette.putpalette([10, 20, 30] * 4)

    assert (photo(saved(palette, "PNG", transparency=3)).small == 255).all()


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.new("CMYK", (20, 20), (0, 0, 0, 0)), "JPEG"),
        (Image.fromarray(np.full((20, 20), 65_535, dtype=np.uint16)), "PNG"),
        (Image.new("1", (20, 20), 1), "PNG"),
        (Image.new("L", (20, 20), 255), "JPEG"),
        (Image.new("P", (20, 20), 0), "GIF"),
    ],
    ids=["cmyk", "16-bit", "1-bit", "grey", "palette"],
)
def test_every_colour_mode_becomes_8_bit_rgb(image: Image.Image, kind: str):
    opened = photo(saved(image, kind))

    assert opened.small.shape == (20, 20, 3)
    assert opened.small.dtype == np.uint8
    assert kind == "GIF" or (opened.small >= 254).all()


def test_16_bit_grey_keeps_its_shades():
    ramp = np.tile(np.linspace(0, 65_535, 256, dtype=np.uint16), (20, 1))

    small = photo(saved(Image.fromarray(ramp), "PNG")).small

    assert np.abs(small[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_only_the_first_frame_of_an_animation_is_read():
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "lime")]

    small = photo(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])).small

    assert small[0, 0].tolist() == [255, 0, 0]


def test_the_bytes_do_not_show_in_a_repr():
    assert "secret" not in repr(open_photo(saved(quarters((60, 40)), "JPEG", comment=b"secret"), LIMITS))


@given(st.binary(max_size=400))
def test_no_bytes_at_all_make_it_raise(data: bytes):
    open_photo(data, LIMITS)


SOUND = {kind: saved(quarters((48, 32)), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")}


@given(st.sampled_from(sorted(SOUND)), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
def test_a_damaged_photo_is_read_or_refused_but_never_raises(kind: str, faults: list[tuple[int, int]]):
    data = bytearray(SOUND[kind])
    for at, value in faults:
        data[at % len(data)] = value

    assert isinstance(open_photo(bytes(data), Limits(max_pixels=1_000_000)), DecodedPhoto | Refused)


@given(st.binary(max_size=64))
def test_sniffing_takes_any_bytes(data: bytes):
    assert sniff(data) is None or isinstance(sniff(data), str)
