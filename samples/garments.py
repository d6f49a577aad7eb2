"""Scenes with whole garments: printed T-shirts and an outfit without a single letter."""

import cv2
import numpy as np
from camera import Point, Shot, drape, print_on, relief, take, under
from lettering import Line, blank, pixels, write
from surfaces import Colour, Field, Rng, denim, folds, knit, noise, plaster, wood

#: Right half of a T-shirt lying flat, from the neck to the hem, in shares of its width and height.
_TEE: list[Point] = [(0.5, 0.075), (0.57, 0.06), (0.62, 0.0), (0.8, 0.06), (1.0, 0.3), (0.86, 0.4), (0.775, 0.29)]
_TEE += [(0.78, 0.6), (0.79, 1.0), (0.5, 1.005)]
_JUMPER: list[Point] = [(0.5, 0.075), (0.57, 0.06), (0.61, 0.0), (0.76, 0.05), (0.87, 0.3), (1.0, 0.78), (0.9, 0.82)]
_JUMPER += [(0.77, 0.42), (0.76, 0.98), (0.5, 1.0)]
_SKIRT: list[Point] = [(0.5, 0.0), (0.77, 0.0), (0.86, 0.3), (0.98, 0.97), (0.5, 1.0)]


_DRESS: list[Point] = [(0.5, 0.2), (0.6, 0.0), (0.7, 0.01), (0.92, 0.1), (0.88, 0.2), (0.73, 0.17), (0.68, 0.36)]
_DRESS += [(0.8, 0.62), (0.96, 0.98), (0.5, 1.0)]
_SHIRT: list[Point] = [(0.5, 0.09), (0.58, 0.0), (0.64, 0.01), (0.8, 0.08), (0.9, 0.4), (1.0, 0.9), (0.9, 0.93)]
_SHIRT += [(0.77, 0.46), (0.76, 0.95), (0.5, 1.0)]


def _mirrored(half: list[Point]) -> list[Point]:
    return half + [(1 - x, y) for x, y in reversed(half)]


def _outline(half: list[Point], box: tuple[float, float, float, float], turn: float) -> Field:
    """Corners of a garment of two like halves in a box (left, top, width, height), rounded, turned in degrees."""
    left, top, width, height = box
    points = np.array(_mirrored(half)) * (width, height) + (left, top)
    for _ in range(2):  # Chaikin's corner cutting
        ahead = np.roll(points, -1, axis=0)
        points = np.stack([points * 0.82 + ahead * 0.18, points * 0.18 + ahead * 0.82], axis=1).reshape(-1, 2)
    matrix = cv2.getRotationMatrix2D((left + width / 2, top + height / 2), -turn, 1.0)
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def _lay(scene: Field, cloth: Field, outline: Field, *, lift: float = 14, round_off: float = 0.35) -> Field:
    """Lay a garment cut from a cloth on the scene, rounder towards its edges, with a hem sewn all around."""
    rows, columns = scene.shape[:2]
    mask = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    edge = 1 - round_off * np.exp(-inside / 9) - 0.4 * round_off * np.exp(-inside / 45)
    hem = 1 - 0.16 * np.exp(-(((inside - 30) / 1.6) ** 2)) - 0.1 * np.exp(-(((inside - 36) / 1.6) ** 2))
    alpha = mask.astype(np.float32) / 255
    body = cloth * (edge * hem)[..., None]
    return under(scene, alpha, lift, 0.6) * (1 - alpha[..., None]) + body * alpha[..., None]


def _collar(scene: Field, box: tuple[float, float, float, float], colour: Colour, deep: float = 0.36) -> Field:
    """Sew a ribbed neckband on a garment that lies straight in its box."""
    left, top, width, height = box
    rows, columns = scene.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    across, down = (x - left - width / 2) / (width * 0.135), (y - top - height * 0.005) / (height * 0.1)
    far = np.hypot(across, down)
    shown = np.clip((down + 0.02 + 0.3 * np.sqrt(np.clip(1.17 - across**2, 0, None))) * 40, 0, 1)
    hole = np.clip((0.84 - far) * 60, 0, 1) * shown
    band = np.clip((1.08 - far) * 60, 0, 1) * shown - hole
    ribs = 1 + 0.12 * np.sin(np.arctan2(down, across) * 130)
    tone = np.array(colour, np.float32) * ribs[..., None] * (0.8 + 0.2 * np.sin((far - 0.84) / 0.24 * np.pi))[..., None]
    within = np.array(colour, np.float32) * (deep + 0.28 * np.clip(down, 0, 1))[..., None]
    scene = scene * (1 - hole[..., None]) + within * hole[..., None]
    return scene * (1 - band[..., None]) + tone * band[..., None]


def dress(scene: Field, cloth: Field, box: tuple[float, float, float, float]) -> Field:
    """Lay a short-sleeved dress with a V neck in a box (left, top, width, height) of the scene."""
    left, top, width, height = box
    scene = _lay(scene, cloth, _outline(_DRESS, box, 0), lift=20, round_off=0.2)
    waist = [(left + width * part, top + height * (0.37 - 0.02 * abs(part - 0.5))) for part in (0.32, 0.5, 0.68)]
    cv2.polylines(scene, [np.round(waist).astype(np.int32)], False, (0.5, 0.38, 0.36), 7, cv2.LINE_AA)
    return scene


def shirt(scene: Field, cloth: Field, box: tuple[float, float, float, float]) -> Field:
    """Lay a long-sleeved shirt with buttons in a box (left, top, width, height) of the scene."""
    left, top, width, height = box
    scene = _lay(scene, cloth, _outline(_SHIRT, box, 0), lift=0)
    middle = left + width / 2
    for side in (-1, 1):
        wing = [(0, 0.09), (0.085, 0.0), (0.16, 0.03), (0.12, 0.16), (0.015, 0.12)]
        points = np.array([(middle + side * u * width, top + v * height) for u, v in wing])
        scene = _lay(scene, cloth * 1.06, points.astype(np.float32), lift=5)
    placket = [(middle + side, top + height * part) for side, part in ((-14, 0.12), (-14, 0.97))]
    cv2.polylines(scene, [np.round(placket).astype(np.int32)], False, (0.5, 0.58, 0.62), 2, cv2.LINE_AA)
    for part in np.linspace(0.17, 0.92, 6):
        centre = (round(middle), round(top + height * part))
        cv2.circle(scene, (centre[0] + 1, centre[1] + 2), 7, (0.45, 0.5, 0.54), -1, cv2.LINE_AA)
        cv2.circle(scene, centre, 7, (0.93, 0.93, 0.9), -1, cv2.LINE_AA)
    return scene


def _printed_tee(rng: Rng, table: Field, colour: Colour, lines: list[Line], ink: tuple[int, int, int]) -> Field:
    """A creased T-shirt on a table with a print on its chest that follows the creases."""
    rows, columns = table.shape[:2]
    box = (columns * 0.02, rows * 0.1, columns * 0.96, rows * 1.02)
    heights = cv2.GaussianBlur(folds(rng, rows, columns, 14, deep=34, lean=12), (0, 0), 8)
    cloth = knit(rng, rows, columns, colour, stitch=5, depth=0.14)
    layer = blank(columns, rows, (*ink, 0))
    write(layer, lines, (*ink, 255), margin=round(columns * 0.2), top=round(rows * 0.36))
    # Old screen print: worn through in places.
    worn = np.clip(1.25 - 0.5 * np.clip(noise(rng, rows, columns, 8, 3) - 0.6, 0, None), 0, 1)
    flat = pixels(layer)
    flat[..., 3] *= worn
    cloth = print_on(cloth, drape(flat, heights, 7), 0.92) * relief(heights, strength=0.06)[..., None]
    scene = _lay(table, cloth, _outline(_TEE, box, 0))
    return _collar(scene, box, (colour[0] * 0.96, colour[1] * 0.96, colour[2] * 0.96))


def slogan_tee(rng: Rng) -> Field:
    """A T-shirt whose slogan says nothing about what it is made of."""
    table = wood(rng, 1200, 1200, (0.36, 0.27, 0.2), 240)
    lines = [
        Line("GOOD THINGS", 66, "latin-bold", 0, "centre"),
        Line("TAKE TIME", 66, "latin-bold", 0, "centre"),
        Line("慢慢来", 110, "bold", 16, "centre", 20),
        Line("SINCE 2019", 44, "latin", 10, "centre", 8),
    ]
    scene = _printed_tee(rng, table, (0.86, 0.85, 0.8), lines, (34, 52, 96))
    return take(rng, scene, Shot(lamp=(0.15, 0.1), fall=0.4, warmth=0.04, grain=0.013))


def candy_tee(rng: Rng) -> Field:
    """A T-shirt that says cotton and means sugar."""
    table = plaster(rng, 1200, 1200, (0.7, 0.72, 0.75), 0.05)
    lines = [
        Line("COTTON CANDY", 58, "latin-bold", 10, "centre"),
        Line("棉花糖", 128, "bold", 8, "centre", 16),
        Line("SWEET DREAMS", 42, "latin", 16, "centre", 6),
    ]
    scene = _printed_tee(rng, table, (0.93, 0.74, 0.78), lines, (250, 246, 240))
    return take(rng, scene, Shot(lamp=(0.85, 0.15), fall=0.38, warmth=0.01, grain=0.012))


def outfit(rng: Rng) -> Field:
    """A jumper and a denim skirt on a wooden floor: sharp, full of texture, and no letters."""
    rows, columns = 1400, 1120
    scene = wood(rng, rows, columns, (0.7, 0.56, 0.42), 210)
    heights = folds(rng, rows, columns, 9, deep=30, lean=8)
    skirt = denim(rng, rows, columns, (0.19, 0.25, 0.38), 5) * relief(heights)[..., None]
    scene = _lay(scene, skirt, _outline(_SKIRT, (270, 690, 580, 610), -4), lift=12)
    heights = folds(rng, rows, columns, 8, deep=30, lean=0)
    wool = knit(rng, rows, columns, (0.8, 0.62, 0.34), stitch=6, depth=0.4) * relief(heights, strength=0.06)[..., None]
    box = (170, 60, 780, 760)
    scene = _lay(scene, wool, _outline(_JUMPER, box, 0), lift=18)
    scene = _collar(scene, box, (0.74, 0.56, 0.3), 0.68)
    return take(rng, scene, Shot(lamp=(0.2, 0.1), fall=0.36, warmth=0.04, bright=1.1, defocus=0.3, grain=0.016))
