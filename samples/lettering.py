"""
Letters, care symbols and barcodes on flat cards. Knows nothing of light or lenses.

Cards are Pillow RGBA images; `pixels` turns one into the float arrays that the camera works on.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Ink = tuple[int, int, int]
Align = Literal["left", "centre", "right"]

_FOLDER = Path("/usr/share/fonts")
_PACKAGES = "fonts-noto-cjk fonts-dejavu-core"
#: File and face number; face 2 of the Noto CJK collections is Simplified Chinese.
_FACES = {
    "sans": ("opentype/noto/NotoSansCJK-Regular.ttc", 2),
    "bold": ("opentype/noto/NotoSansCJK-Bold.ttc", 2),
    "serif": ("opentype/noto/NotoSerifCJK-Regular.ttc", 2),
    "serif-bold": ("opentype/noto/NotoSerifCJK-Bold.ttc", 2),
    "latin": ("truetype/dejavu/DejaVuSans.ttf", 0),
    "latin-bold": ("truetype/dejavu/DejaVuSans-Bold.ttf", 0),
    "mono": ("truetype/dejavu/DejaVuSansMono.ttf", 0),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of print; `gap` is the space above it and `size` the font size, in card pixels."""

    text: str
    size: int
    face: str = "sans"
    gap: int = 0
    align: Align = "left"
    tracking: int = 0


@cache
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """
    Load a font.

    Raises:
        SystemExit: a font file is missing; the message names the Debian packages that bring it.

    """
    name, number = _FACES[face]
    try:
        # The basic layout engine is in every Pillow build, so the same letters come out everywhere.
        return ImageFont.truetype(_FOLDER / name, size, index=number, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        raise SystemExit(f"{_FOLDER / name} is missing: apt-get install {_PACKAGES}") from None


def blank(width: int, height: int, colour: tuple[int, ...] = (255, 255, 255)) -> Image.Image:
    """Make an empty card, opaque unless `colour` carries an alpha."""
    return Image.new("RGBA", (width, height), (*colour, 255) if len(colour) == 3 else colour)


def write(
    card: Image.Image, lines: list[Line], ink: tuple[int, ...], *, margin: int, top: int, right: int | None = None
) -> int:
    """Write lines one below the other between the margins; return the y below the last."""
    pen = ImageDraw.Draw(card)
    edge = card.width - margin if right is None else right
    y = top
    for line in lines:
        face = font(line.face, line.size)
        width = sum(face.getlength(letter) + line.tracking for letter in line.text) if line.tracking else None
        width = face.getlength(line.text) if width is None else width - line.tracking
        spare = edge - margin - width
        x = margin + {"left": 0.0, "centre": spare / 2, "right": spare}[line.align]
        y += line.gap
        if line.tracking:
            for letter in line.text:
                pen.text((x, y), letter, font=face, fill=ink)
                x += face.getlength(letter) + line.tracking
        else:
            pen.text((x, y), line.text, font=face, fill=ink)
        y += round(line.size * 1.42)
    return y


def rule(card: Image.Image, y: int, margin: int, ink: tuple[int, ...], thickness: int = 2) -> None:
    """Draw a line across the card."""
    ImageDraw.Draw(card).line((margin, y, card.width - margin, y), fill=ink, width=thickness)


def barcode(card: Image.Image, rng: np.random.Generator, box: tuple[int, int, int, int], ink: Ink) -> None:
    """Fill a box with bars that look like a barcode and mean nothing."""
    pen = ImageDraw.Draw(card)
    left, top, right, bottom = box
    x, module = left, max(2, (right - left) // 95)
    while x < right:
        bar, space = (int(n) * module for n in rng.integers(1, 4, size=2))
        pen.rectangle((x, top, min(x + bar, right) - 1, bottom), fill=ink)
        x += bar + space


def care_symbols(card: Image.Image, x: int, y: int, size: int, ink: Ink) -> None:
    """Draw the five symbols of a care label in ISO 3758's order: wash, bleach, dry, iron, clean."""
    pen = ImageDraw.Draw(card)
    stroke, step = max(2, size // 14), round(size * 1.35)

    def outline(number: int, *points: tuple[float, float]) -> None:
        pen.line([(x + number * step + u * size, y + v * size) for u, v in points], fill=ink, width=stroke)

    def circle(number: int, inset: float) -> None:
        left = x + number * step
        box = (left + inset * size, y + inset * size, left + (1 - inset) * size, y + (1 - inset) * size)
        pen.ellipse(box, outline=ink, width=stroke)

    outline(0, (0, 0.15), (0.14, 1), (0.86, 1), (1, 0.15))
    waves = [(u, 0.3 + 0.06 * np.sin(u * 6 * np.pi)) for u in np.linspace(0.03, 0.97, 24)]
    outline(0, *waves)
    outline(1, (0, 1), (0.5, 0.08), (1, 1), (0, 1))
    outline(1, (0.05, 0.1), (0.95, 1))
    outline(1, (0.95, 0.1), (0.05, 1))
    outline(2, (0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
    circle(2, 0.08)
    outline(3, (0, 0.95), (0.25, 0.5), (0.9, 0.5), (1, 0.95), (0, 0.95))
    outline(3, (0.3, 0.5), (0.35, 0.25), (0.85, 0.25), (0.9, 0.5))
    circle(4, 0.04)


def punch(card: Image.Image, x: int, y: int, radius: int, ring: Ink | None = None) -> None:
    """Punch a hole, with a metal eyelet around it when `ring` names its colour."""
    pen = ImageDraw.Draw(card)
    if ring is not None:
        outer = radius * 1.7
        pen.ellipse((x - outer, y - outer, x + outer, y + outer), fill=(*ring, 255))
        pen.arc((x - outer, y - outer, x + outer, y + outer), 150, 300, fill=(255, 255, 250, 255), width=radius // 3)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(0, 0, 0, 0))


def round_corners(card: Image.Image, radius: int) -> None:
    """Cut the corners off, round."""
    mask = Image.new("L", card.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, card.width - 1, card.height - 1), radius, fill=255)
    card.putalpha(Image.fromarray(np.minimum(np.asarray(mask), np.asarray(card.getchannel("A")))))


def pixels(card: Image.Image) -> NDArray[np.float32]:
    """Give the card as an array (height, width, 4) of 0..1."""
    return np.asarray(card.convert("RGBA"), np.float32) / 255
