"""
What things are made of: cloth, wood, plaster and paper as textures, folds as heights. Knows no letters.

Textures are float32 arrays (height, width, 3) of 0..1 RGB under flat light; colours are RGB triples of 0..1.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Colour = tuple[float, float, float]
Rng = np.random.Generator


def noise(rng: Rng, height: int, width: int, cell: float | tuple[float, float], octaves: int = 3) -> Field:
    """Smooth noise of standard deviation near 1; `cell` is the size of its largest blobs, (y, x) in pixels."""
    cell_y, cell_x = (cell, cell) if isinstance(cell, (int, float)) else cell
    total = np.zeros((height, width), np.float32)
    weight, power = 1.0, 0.0
    for _ in range(octaves):
        grid = rng.standard_normal((int(height / cell_y) + 3, int(width / cell_x) + 3)).astype(np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        power += weight**2
        weight, cell_y, cell_x = weight / 2, max(1.0, cell_y / 2), max(1.0, cell_x / 2)
    return total / np.float32(np.sqrt(power))


def tint(colour: Colour, brightness: Field) -> Field:
    """Colour a brightness field (1 leaves the colour as it is)."""
    return np.clip(brightness[..., None] * np.array(colour, np.float32), 0, 1)


def _grid(height: int, width: int) -> tuple[Field, Field]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return y, x


def weave(rng: Rng, height: int, width: int, colour: Colour, *, pitch: float = 6, depth: float = 0.16) -> Field:
    """Plain weave (linen, canvas, poplin): threads over and under, uneven in thickness."""
    y, x = _grid(height, width)
    x = x + noise(rng, height, width, 60, 2) * pitch * 0.25
    y = y + noise(rng, height, width, 60, 2) * pitch * 0.25
    over = np.cos(np.pi * x / pitch) * np.cos(np.pi * y / pitch)
    threads = np.abs(np.sin(np.pi * x / pitch)) * (over > 0) + np.abs(np.sin(np.pi * y / pitch)) * (over <= 0)
    slubs = noise(rng, height, width, (pitch, pitch * 14), 2) + noise(rng, height, width, (pitch * 14, pitch), 2)
    return tint(colour, 1 + depth * (threads - 0.7) + depth * 0.22 * slubs)


def knit(rng: Rng, height: int, width: int, colour: Colour, *, stitch: float = 14, depth: float = 0.3) -> Field:
    """Stockinette: columns of little Vs."""
    y, x = _grid(height, width)
    x = x + noise(rng, height, width, 90, 2) * stitch * 0.3
    y = y + noise(rng, height, width, 90, 2) * stitch * 0.3
    across = np.mod(x / stitch, 1) - 0.5
    loop = 0.5 + 0.5 * np.cos(2 * np.pi * (y / (stitch * 0.8) - 1.1 * np.abs(across)))
    ridge = 1 - np.abs(np.abs(across) * 4 - 1) ** 3
    fuzz = noise(rng, height, width, 3, 2)
    return tint(colour, 1 + depth * (0.6 * loop + 0.7 * ridge - 0.85) + 0.04 * fuzz)


def denim(rng: Rng, height: int, width: int, colour: Colour = (0.2, 0.28, 0.42), pitch: float = 5) -> Field:
    """Twill of dark warp and pale weft, worn in places."""
    y, x = _grid(height, width)
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (x + y * 0.9 + noise(rng, height, width, 40, 2) * 0.8) / pitch)
    warp = noise(rng, height, width, (26, 2), 1)
    worn = np.clip(0.12 + 0.06 * noise(rng, height, width, 300, 2), 0, 0.5)
    pale = np.clip(worn + (0.3 + 0.05 * warp) * wave**2, 0, 1)[..., None]
    return np.clip(np.array(colour, np.float32) * (1 - pale) + np.array((0.8, 0.83, 0.86), np.float32) * pale, 0, 1)


def satin(rng: Rng, height: int, width: int, colour: Colour) -> Field:
    """The narrow ribbon that care labels are printed on: fine ribs and a sheen."""
    y, x = _grid(height, width)
    ribs = np.sin(2 * np.pi * y / 4) * 0.012 + np.sin(2 * np.pi * x / 3) * 0.008
    sheen = noise(rng, height, width, (height / 2, width), 1) * 0.03
    return tint(colour, 1 + ribs + sheen + 0.012 * noise(rng, height, width, 2, 1))


def paper(rng: Rng, height: int, width: int, colour: Colour, grain: float = 0.012) -> Field:
    """Card stock: fibres and faint clouds."""
    fibres = noise(rng, height, width, (2, 7), 1) + noise(rng, height, width, (7, 2), 1)
    return tint(colour, 1 + grain * fibres + grain * noise(rng, height, width, 70, 2))


def wood(rng: Rng, height: int, width: int, colour: Colour = (0.62, 0.45, 0.3), plank: int = 300) -> Field:
    """A table of planks that run from left to right."""
    y, x = _grid(height, width)
    shade = np.ones((height, width), np.float32)
    wander = noise(rng, height, width, (plank * 0.8, width * 0.7), 3)
    for top in range(0, height, plank):
        row = slice(top, min(top + plank, height))
        rings = np.sin((y[row] * 0.055 + wander[row] * 3.2 + rng.uniform(0, 9)) * rng.uniform(0.9, 1.5))
        shade[row] = rng.uniform(0.9, 1.08) + 0.06 * rings
    streaks = noise(rng, height, width, (2.5, 170), 2)
    pores = np.clip(noise(rng, height, width, (1.6, 26), 1) - 1.3, 0, None)
    gap = np.exp(-(((np.mod(y + 2, plank) - 2) / 2.2) ** 2)) * 0.55
    return tint(colour, (shade + 0.05 * streaks - 0.12 * pores) * (1 - gap) + 0 * x)


def plaster(rng: Rng, height: int, width: int, colour: Colour, rough: float = 0.03) -> Field:
    """A painted wall or a stone worktop."""
    bumps = noise(rng, height, width, 7, 2)
    lit = bumps - np.roll(bumps, 2, axis=(0, 1))
    return tint(colour, 1 + rough * lit + rough * noise(rng, height, width, 220, 3))


def floral(rng: Rng, cloth: Field, blooms: int, size: tuple[int, int], colours: list[Colour]) -> Field:
    """Print flowers of five petals on a cloth; `size` is the range of their radius in pixels."""
    canvas = (cloth * 255).astype(np.uint8)
    height, width = cloth.shape[:2]
    for _ in range(blooms):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(*size)
        colour = np.array(colours[rng.integers(len(colours))]) * 255 * rng.uniform(0.85, 1.1)
        leaf = (x + radius * rng.uniform(-1.6, 1.6), y + radius * rng.uniform(0.8, 1.7))
        cv2.ellipse(canvas, (leaf, (radius * 1.7, radius * 0.6), rng.uniform(0, 180)), (84, 112, 70), -1, cv2.LINE_AA)
        turn = rng.uniform(0, 72)
        for petal in range(5):
            angle = np.deg2rad(turn + 72 * petal)
            centre = (x + np.cos(angle) * radius * 0.55, y + np.sin(angle) * radius * 0.55)
            box = (centre, (radius, radius * 0.72), float(np.rad2deg(angle)))
            cv2.ellipse(canvas, box, np.clip(colour * rng.uniform(0.9, 1.08), 0, 255).tolist(), -1, cv2.LINE_AA)
        cv2.circle(canvas, (round(x), round(y)), max(1, round(radius * 0.24)), (214, 176, 70), -1, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def folds(rng: Rng, height: int, width: int, count: int, *, deep: float, lean: float = 0.0) -> Field:
    """
    Heights in pixels of cloth that does not lie flat: `count` creases up to `deep` pixels high.

    `lean` is the angle in degrees that creases tend to run at, 0 being straight down.
    """
    y, x = _grid(height, width)
    total = noise(rng, height, width, max(height, width) / 3, 2) * deep * 0.7
    bend = noise(rng, height, width, max(height, width) / 2.5, 2)
    for _ in range(count):
        angle = np.deg2rad(lean + rng.normal(0, 18))
        across = (x - rng.uniform(0, width)) * np.cos(angle) + (y - rng.uniform(0, height)) * np.sin(angle)
        along = (y - rng.uniform(0.1, 0.9) * height) * np.cos(angle) - (x - width / 2) * np.sin(angle)
        wide = rng.uniform(0.02, 0.07) * width
        ridge = np.exp(-(((across + bend * wide * 1.2) / wide) ** 2))
        reach = np.exp(-((along / (rng.uniform(0.25, 0.7) * height)) ** 2))
        total += deep * rng.uniform(0.4, 1.0) * rng.choice((-1.0, 1.0)) * ridge * reach
    return total.astype(np.float32)
