"""Sound photos in every format, and the same with a few bytes changed. Used by a test and by a bench."""

import random
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from ocr_worker.images.contrast import lift_contrast
from ocr_worker.images.decode import DecodedPhoto, Limits, open_photo
from ocr_worker.images.quality import sharpness
from ocr_worker.result import Refused

SAMPLES = Path(__file__).parents[3] / "samples" / "photos"
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)


def drawn() -> dict[str, bytes]:
    """Small photos in every format and many modes, where changes hit structure more often than pixels."""
    noise = np.random.default_rng(3).integers(0, 255, (48, 64, 4), dtype=np.uint8)
    colour = Image.fromarray(noise[:, :, :3])
    grey = Image.fromarray(np.asarray(colour.convert("L"), dtype=np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    wanted: list[tuple[str, Image.Image, dict[str, object]]] = [
        ("JPEG", colour, {"exif": exif}),
        ("JPEG", colour, {"progressive": True}),
        ("JPEG", colour.convert("CMYK"), {}),
        ("PNG", Image.fromarray(noise), {}),
        ("PNG", grey, {}),
        ("PNG", colour.convert("P"), {"transparency": 3}),
        ("GIF", colour, {"save_all": True, "append_images": [colour.rotate(90)]}),
        ("BMP", colour, {}),
        ("TIFF", colour, {}),
        ("TIFF", colour, {"compression": "tiff_lzw"}),
        ("TIFF", colour, {"compression": "jpeg"}),
        ("WEBP", Image.fromarray(noise), {}),
        ("WEBP", colour, {"lossless": True}),
        ("HEIF", colour, {}),
        ("AVIF", colour, {}),
    ]
    photos = {}
    for at, (kind, image, options) in enumerate(wanted):
        out = BytesIO()
        if kind == "HEIF":
            # Not registered with Pillow: the package that ships is to decode, which cannot encode.
            pillow_heif.from_pillow(image).save(out)
        else:
            image.save(out, kind, **options)
        photos[f"{at}-{kind}"] = out.getvalue()
    return photos


SOUND = drawn() | {path.stem: path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.stem != "not-a-photo"}


def mutated(sound: bytes, chance: random.Random) -> bytes:
    """Change bytes, numbers and stretches; cut, double and move parts. Headers more often than the rest."""
    data = bytearray(sound)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(min(len(data), chance.choice((64, 1024, len(data)))) or 1)
        length = chance.choice((1, 2, 4, 64, 4096))
        match chance.randrange(8):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << chance.randrange(8)])
            case 2:
                form = chance.choice((">H", "<H", ">I", "<I"))
                data[at : at + int(form[1] == "I") * 2 + 2] = struct.pack(
                    form, chance.choice(EXTREMES) & (0xFFFF if form[1] == "H" else 0xFFFF_FFFF)
                )
            case 3:
                data[at : at + length] = chance.randbytes(length)
            case 4:
                del data[at : at + length]
            case 5:
                data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
            case 6:
                del data[chance.randrange(len(data) + 1) :]
            case _:
                to = chance.randrange(len(data) + 1)
                data[to : to + length] = data[at : at + length]
        if not data:
            break
    return bytes(data)


def read_or_refused(data: bytes, limits: Limits) -> str:
    """Do with a photo all that the worker does before its engine; returns `read` or `refused`."""
    outcome = open_photo(data, limits)
    assert isinstance(outcome, DecodedPhoto | Refused)
    if isinstance(outcome, Refused):
        return "refused"
    assert outcome.width * outcome.height <= limits.max_pixels
    assert outcome.small.shape == lift_contrast(outcome.small)[0].shape
    assert sharpness(outcome.small) >= 0
    assert max(outcome.pixels().shape) <= limits.long_side
    return "read"
