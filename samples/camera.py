"""
A camera for flat worlds: puts things on a table, lights them, and takes the picture with a phone's faults.

Knows nothing of what is shown. Pictures are float32 arrays (height, width, 3) of 0..1 RGB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from surfaces import Colour, Field, Rng, noise

Point = tuple[float, float]
#: Corners in pixels of the picture: top left, top right, bottom right, bottom left.
Quad = tuple[Point, Point, Point, Point]


def around(centre: Point, width: float, height: float, turn: float = 0.0, tilt: Point = (0.0, 0.0)) -> Quad:
    """
    Corners of a rectangle seen at an angle.

    `turn` is in degrees, clockwise. `tilt` shrinks its far side: (x, y) shares, positive when the
    right side or the bottom is the far one.
    """
    corners = []
    for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        shrink = 1 - tilt[0] * u - tilt[1] * v
        x, y = u * width / 2 * shrink, v * height / 2 * shrink
        angle = np.deg2rad(turn)
        corners.append(
            (centre[0] + x * np.cos(angle) - y * np.sin(angle), centre[1] + x * np.sin(angle) + y * np.cos(angle))
        )
    return (corners[0], corners[1], corners[2], corners[3])


def relief(height: Field, *, towards: Point = (-0.7, -0.7), strength: float = 0.05) -> Field:
    """Light and shade that folds show when the lamp stands `towards` (x, y); 1 where the cloth lies flat."""
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    lit = -strength * 10 * (slope_x * towards[0] + slope_y * towards[1])
    return np.clip(1 + np.tanh(lit) * 0.55, 0.35, 1.5).astype(np.float32)


def drape(flat: Field, height: Field, pull: float = 6.0) -> Field:
    """Bend something printed on cloth along the folds; the array may have any number of channels."""
    rows, columns = height.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return cv2.remap(flat, x + pull * slope_x, y + pull * slope_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def print_on(cloth: Field, ink: Field, opacity: float = 0.9) -> Field:
    """Print an RGBA layer of the same size on a cloth whose texture shows through."""
    texture = cloth / np.maximum(cv2.GaussianBlur(cloth, (0, 0), 9), 0.02)
    alpha = ink[..., 3:] * opacity
    return np.clip(cloth * (1 - alpha) + ink[..., :3] * (0.35 + 0.65 * texture) * alpha, 0, 1)


def put(scene: Field, card: Field, quad: Quad, *, lift: float = 8, shade: float = 0.45, fine: int = 2) -> Field:
    """
    Lay an RGBA card into the scene, with the shadow of something `lift` pixels above the table.

    `fine` is how often each pixel is sampled along a side, against stair-stepped letters.
    """
    rows, columns = scene.shape[:2]
    corners = np.array([(0, 0), (card.shape[1], 0), (card.shape[1], card.shape[0]), (0, card.shape[0])], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, np.array(quad, np.float32) * fine)
    straight = np.dstack([card[..., :3] * card[..., 3:], card[..., 3]])
    flat = cv2.warpPerspective(straight, matrix, (columns * fine, rows * fine), flags=cv2.INTER_LINEAR)
    flat = cv2.resize(flat, (columns, rows), interpolation=cv2.INTER_AREA)
    alpha = flat[..., 3:]
    return under(scene, alpha[..., 0], lift, shade) * (1 - alpha) + flat[..., :3]


def under(scene: Field, mask: Field, lift: float, shade: float) -> Field:
    """Darken the scene where a shape of 0..1 throws its shadow, to its lower right."""
    if lift <= 0:
        return scene
    shift = np.array([[1, 0, lift * 0.8], [0, 1, lift]], np.float32)
    size = (mask.shape[1], mask.shape[0])
    cast = cv2.GaussianBlur(cv2.warpAffine(mask, shift, size), (0, 0), max(1.0, lift * 0.7))
    contact = cv2.GaussianBlur(mask, (0, 0), max(1.0, lift * 0.3))
    return scene * (1 - shade * np.maximum(cast, 0.6 * contact)[..., None])


def cord(scene: Field, points: Sequence[Point], thick: float, colour: Colour) -> Field:
    """Lay a twisted cord along a smooth curve through the points."""
    fine, path = 2, np.array(points, np.float32)
    knots = np.linspace(0, 1, len(path))
    steps = np.linspace(0, 1, 40 * len(path))
    degree = min(3, len(path) - 1)
    curve = np.stack([np.polyval(np.polyfit(knots, path[:, axis], degree), steps) for axis in (0, 1)], axis=1)
    rows, columns = scene.shape[:2]
    shape = np.zeros((rows * fine, columns * fine, 3), np.uint8)
    mask = np.zeros(shape.shape[:2], np.uint8)
    line = np.round(curve * fine).astype(np.int32)
    width = max(2, round(thick * fine))
    cv2.polylines(mask, [line], isClosed=False, color=255, thickness=width, lineType=cv2.LINE_AA)
    base = np.array(colour) * 255
    cv2.polylines(shape, [line], False, (base * 0.86).tolist(), width, cv2.LINE_AA)
    length = np.cumsum(np.hypot(*np.diff(curve, axis=0, prepend=curve[:1]).T))
    for at in np.arange(0, length[-1], thick * 0.7):
        i = int(np.searchsorted(length, at))
        ahead = curve[min(i + 3, len(curve) - 1)] - curve[max(i - 3, 0)]
        way = ahead / max(1e-3, float(np.hypot(*ahead)))
        side = np.array([-way[1], way[0]]) * thick * 0.42
        a, b = (curve[i] - side - way * thick * 0.3) * fine, (curve[i] + side + way * thick * 0.3) * fine
        tone = (np.clip(base * 1.12, 0, 255)).tolist()
        cv2.line(shape, np.round(a).astype(int).tolist(), np.round(b).astype(int).tolist(), tone, fine, cv2.LINE_AA)
    alpha = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    top = cv2.resize(shape, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return under(scene, alpha, thick * 0.9, 0.45) * (1 - alpha[..., None]) + top * alpha[..., None]


def window_light(rng: Rng, height: int, width: int, panes: int = 3, dark: float = 0.5) -> Field:
    """Light that falls through a window in slanted bars; `dark` is what remains between them."""
    lit = np.zeros((height, width), np.float32)
    slant, pane = rng.uniform(0.35, 0.6) * width, width / panes
    for i in range(-2, panes + 1):
        left = i * pane + rng.uniform(-0.05, 0.05) * pane
        bar = [
            (left, -5),
            (left + pane * 0.78, -5),
            (left + pane * 0.78 + slant, height + 5),
            (left + slant, height + 5),
        ]
        cv2.fillPoly(lit, [np.round(bar).astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(lit, (0, 0), width / 70)
    return dark + (1.12 - dark) * soft


@dataclass(frozen=True, slots=True)
class Shot:
    """
    How a camera takes a picture.

    `lamp` is where the light comes from in shares of the picture, `fall` how much of it is lost across
    the picture, `warmth` shifts red against blue, `defocus` is a Gaussian's sigma and `shake` the length
    of a motion in pixels, `grain` the standard deviation of the sensor's noise.
    """

    lamp: Point = (0.25, 0.15)
    fall: float = 0.35
    warmth: float = 0.03
    bright: float = 1.0
    defocus: float = 0.6
    shake: int = 0
    grain: float = 0.012


def take(rng: Rng, scene: Field, shot: Shot) -> Field:
    """Light the scene and take the picture."""
    rows, columns = scene.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    far = np.hypot((x / columns - shot.lamp[0]), (y / rows - shot.lamp[1]))
    light = shot.bright * (1.08 - shot.fall * far) * (1 + 0.02 * noise(rng, rows, columns, max(rows, columns) / 2, 1))
    corner = np.hypot(x / columns - 0.5, y / rows - 0.5)
    light *= 1 - 0.25 * corner**2
    picture = scene * light[..., None] * np.array((1 + shot.warmth, 1, 1 - shot.warmth), np.float32)
    if shot.defocus > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), shot.defocus)
    if shot.shake > 1:
        kernel = np.zeros((shot.shake, shot.shake), np.float32)
        cv2.line(kernel, (0, shot.shake * 2 // 3), (shot.shake - 1, shot.shake // 3), 1.0, 1)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    # Brightness noise is fine, colour noise is blotchy: what a phone's own denoising leaves behind.
    fine = rng.standard_normal((rows, columns, 1)).astype(np.float32)
    blotch = np.dstack([noise(rng, rows, columns, 5, 1) for _ in range(3)])
    level = shot.grain * (0.5 + np.sqrt(np.clip(picture, 0, 1)))
    return np.clip(picture + level * (0.8 * fine + 0.45 * blotch), 0, 1)
