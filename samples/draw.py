"""
Draw the sample photos: `python samples/draw.py [--out DIR]`.

Each photo has its own random numbers, seeded by its file name, so redrawing one leaves the others alone; with the
locked versions of Pillow, numpy and OpenCV the bytes come out the same. What each photo must give: expected.toml.
"""

import argparse
import io
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import garments
import labels
import numpy as np
import screens
import tags
from PIL import Image
from surfaces import Field, Rng

Scene = Callable[[Rng], Field]

#: EXIF tag 0x0112 and its value 6: turn the stored picture a quarter clockwise to see it upright.
_ORIENTATION, _QUARTER_CLOCKWISE = 0x0112, 6


def _image(picture: Field) -> Image.Image:
    return Image.fromarray(np.round(picture * 255).astype(np.uint8))


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _jpeg(scene: Scene, quality: int = 70) -> Callable[[Rng], bytes]:
    return lambda rng: _encoded(_image(scene(rng)), "JPEG", quality=quality, optimize=True)


def _on_its_side(scene: Scene, quality: int = 70) -> Callable[[Rng], bytes]:
    """Store the picture as an upright phone does: on its side, with the EXIF orientation that turns it."""

    def encode(rng: Rng) -> bytes:
        exif = Image.Exif()
        exif[_ORIENTATION] = _QUARTER_CLOCKWISE
        stored = _image(scene(rng)).transpose(Image.Transpose.ROTATE_90)
        return _encoded(stored, "JPEG", quality=quality, optimize=True, exif=exif)

    return encode


def _cut_short(scene: Scene, kept: float) -> Callable[[Rng], bytes]:
    """An upload that broke off."""

    def encode(rng: Rng) -> bytes:
        whole = _jpeg(scene)(rng)
        return whole[: int(len(whole) * kept)]

    return encode


def _note(_rng: Rng) -> bytes:
    return "Not a photo: a note that someone renamed. 面料:棉100%\n".encode()


PHOTOS: dict[str, Callable[[Rng], bytes]] = {
    "hang-tag-zh.jpg": _jpeg(tags.tee_tag),
    "牛仔裤 吊牌.jpg": _on_its_side(tags.jeans_tag, 64),
    "coat-4000px.jpg": _jpeg(tags.coat_tag, 60),
    "down-jacket-tilted.jpg": _jpeg(tags.down_tag),
    "skirt-tag.webp": lambda rng: _encoded(_image(tags.skirt_tag(rng)), "WEBP", quality=68, method=4),
    "care-label-zh.jpg": _jpeg(labels.zh),
    "care-label-en.jpg": _jpeg(labels.en),
    "care-label-languages.jpg": _jpeg(labels.many_languages),
    "neck-print.jpg": _jpeg(labels.neck_print),
    "faint-print.jpg": _jpeg(labels.faint_print),
    "trap-cotton-free.jpg": _jpeg(labels.cotton_free),
    "trap-cotton-candy.jpg": _jpeg(garments.candy_tee),
    "tshirt-slogan.jpg": _jpeg(garments.slogan_tee),
    "屏幕截图 2026-07-18.jpg": _jpeg(screens.shop_page, 72),
    "poster-summer.jpg": _jpeg(screens.poster),
    "shirt-sticker.png": lambda rng: _encoded(_image(screens.sticker(rng)), "PNG", optimize=True),
    "outfit-no-text.jpg": _jpeg(garments.outfit),
    "blurry.jpg": _jpeg(tags.blurry_tag),
    "cut-short.jpg": _cut_short(labels.en, 0.35),
    "not-a-photo.jpg": _note,
}


def main() -> None:
    """Draw every photo into a folder."""
    parser = argparse.ArgumentParser(description="Draw the sample photos.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "photos", help="folder to draw into")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    # Sums come out in the same order, and so with the same bits, on any number of cores.
    cv2.setNumThreads(1)
    total = 0
    for name, draw in PHOTOS.items():
        photo = draw(np.random.default_rng(zlib.crc32(name.encode())))
        (out / name).write_bytes(photo)
        total += len(photo)
        print(f"{len(photo):>9,}  {name}")
    print(f"{total:>9,}  in {len(PHOTOS)} files")


if __name__ == "__main__":
    main()
