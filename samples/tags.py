"""Scenes with a paper hang tag. Every shop, price and article number is made up."""

from collections.abc import Sequence

import cv2
import numpy as np
from camera import Point, Shot, around, cord, put, relief, take, under, window_light
from lettering import Ink, Line, barcode, blank, pixels, punch, round_corners, rule, write
from PIL import Image
from surfaces import Colour, Field, Rng, denim, folds, knit, noise, paper, plaster, weave, wood

_DARK: Ink = (38, 36, 35)


def _stock(rng: Rng, card: Image.Image, colour: Colour, grain: float = 0.014) -> Field:
    """Turn a drawn card into printed paper of a colour."""
    flat = pixels(card)
    flat[..., :3] *= paper(rng, card.height, card.width, colour, grain)
    return flat


def _swing_tag(rng: Rng, shop: str, lines: list[Line], price: str) -> Image.Image:
    """Draw the usual Chinese tag: a shop, 合格证, the particulars, a barcode and the price."""
    card = blank(620, 1400)
    punch(card, 310, 62, 17, ring=(176, 158, 112))
    top = write(card, [Line(shop, 44, "serif-bold", align="centre", tracking=10)], _DARK, margin=46, top=112)
    top = write(card, [Line("合 格 证", 30, "sans", 6, "centre")], _DARK, margin=46, top=top)
    rule(card, top + 10, 46, _DARK)
    bottom = write(card, lines, _DARK, margin=46, top=top + 22)
    rule(card, bottom + 14, 46, _DARK, 1)
    barcode(card, rng, (46, bottom + 34, 360, bottom + 112), _DARK)
    number = " ".join("".join(map(str, rng.integers(0, 10, 4))) for _ in range(3))
    write(card, [Line(number, 22, "mono")], _DARK, margin=62, top=bottom + 116)
    write(
        card,
        [Line("零售价", 24, align="right"), Line(price, 46, "bold", align="right")],
        _DARK,
        margin=46,
        top=bottom + 30,
    )
    card = card.crop((0, 0, card.width, bottom + 200))
    round_corners(card, 16)
    return card


def tee_tag(rng: Rng) -> Field:
    """A T-shirt's tag on a wooden table, beside the shirt."""
    rows, columns = 1440, 1080
    scene = wood(rng, rows, columns, (0.66, 0.5, 0.35), 330)
    cloth = knit(rng, rows, columns, (0.84, 0.82, 0.77), stitch=7, depth=0.16)
    heights = folds(rng, rows, columns, 9, deep=26, lean=40)
    cloth *= relief(heights)[..., None]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    wander = noise(rng, rows, columns, 320, 2) * 26
    mask = np.clip((560 - x - 0.9 * y - 0.0004 * (x - y) ** 2 + wander) / 3, 0, 1)
    scene = under(scene, mask, 16, 0.5) * (1 - mask[..., None]) + cloth * mask[..., None]
    card = _swing_tag(
        rng,
        "北窗衣坊",
        [
            Line("品名:V领修身T恤", 33),
            Line("货号:BC2607-118", 33),
            Line("号型:165/88A(M)", 33),
            Line("面料:棉95% 氨纶5%", 35, "bold"),
            Line("执行标准:GB/T 22849-2014", 30),
            Line("安全类别:GB 18401-2010 B类", 30),
            Line("(直接接触皮肤的产品)", 28),
            Line("等级:一等品  检验:07", 30),
        ],
        "¥199.00",
    )
    scene = put(scene, _stock(rng, card, (0.97, 0.955, 0.92)), around((590, 790), 690, 1010, 4.5, (0.015, 0.03)))
    scene = cord(scene, [(622, 340), (585, 250), (470, 190), (330, 150)], 7, (0.86, 0.8, 0.68))
    return take(rng, scene, Shot(lamp=(0.1, 0.05), fall=0.42, warmth=0.05, grain=0.011))


def jeans_tag(rng: Rng) -> Field:
    """A tag on a pair of jeans; the picture comes out upright, its file lies on its side."""
    rows, columns = 1360, 1020
    heights = folds(rng, rows, columns, 7, deep=30, lean=10)
    scene = denim(rng, rows, columns, (0.17, 0.23, 0.36)) * relief(heights)[..., None]
    for offset in (0, 16):
        seam = [(790 + offset, -20), (760 + offset, 420), (800 + offset, 900), (770 + offset, 1400)]
        scene = _stitches(scene, seam, (0.78, 0.52, 0.22))
    card = blank(560, 810)
    punch(card, 280, 56, 15, ring=(150, 96, 62))
    blue: Ink = (28, 44, 78)
    top = write(card, [Line("DAYFIELD", 62, "latin-bold", align="centre", tracking=4)], blue, margin=40, top=100)
    top = write(card, [Line("DENIM WORKS", 28, "latin", align="centre", tracking=8)], blue, margin=40, top=top - 8)
    rule(card, top + 16, 40, blue, 4)
    lines = [
        Line("高腰阔腿牛仔裤", 54, "bold", 20, "centre"),
        Line("HIGH WAIST JEANS", 38, "latin-bold", 2, "centre"),
        Line("面料:棉98% 氨纶2%", 40, "sans", 30, "centre"),
        Line("W28 / L32", 58, "latin-bold", 26, "centre"),
        Line("170/70A 复古蓝", 36, "sans", 0, "centre"),
        Line("¥329", 60, "bold", 16, "centre"),
    ]
    write(card, lines, blue, margin=40, top=top + 16)
    round_corners(card, 10)
    tag = _stock(rng, card, (0.8, 0.67, 0.5), 0.03)
    scene = put(scene, tag, around((440, 720), 600, 868, -7, (-0.02, 0.02)), lift=12)
    scene = cord(scene, [(395, 318), (420, 210), (520, 120), (640, -10)], 9, (0.72, 0.6, 0.42))
    return take(rng, scene, Shot(lamp=(0.8, 0.1), fall=0.4, warmth=0.02, grain=0.014))


def _stitches(scene: Field, points: Sequence[Point], colour: Colour, dash: float = 15) -> Field:
    canvas = (np.clip(scene, 0, 1) * 255).astype(np.uint8)
    path = np.array(points)
    steps = np.linspace(0, 1, 400)
    knots = np.linspace(0, 1, len(path))
    curve = np.stack([np.polyval(np.polyfit(knots, path[:, axis], 3), steps) for axis in (0, 1)], axis=1)
    length = np.cumsum(np.hypot(*np.diff(curve, axis=0, prepend=curve[:1]).T))
    for at in np.arange(0, length[-1], dash):
        a, b = (curve[min(int(np.searchsorted(length, at + part)), 399)] for part in (0, dash * 0.66))
        shade = (a + 2).round().astype(int).tolist(), (b + 2).round().astype(int).tolist()
        cv2.line(canvas, *shade, (20, 22, 30), 5, cv2.LINE_AA)
        ends = a.round().astype(int).tolist(), b.round().astype(int).tolist()
        cv2.line(canvas, *ends, [c * 255 for c in colour], 4, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def coat_tag(rng: Rng) -> Field:
    """A whole trench coat in 12 megapixels, with a small tag hanging from its sleeve."""
    rows, columns = 3000, 4000
    small = (rows // 4, columns // 4)
    wall = plaster(rng, *small, (0.74, 0.75, 0.72), 0.015)
    heights = folds(rng, *small, 16, deep=26, lean=0)
    coat = np.ones((*small, 3), np.float32) * np.array((0.66, 0.55, 0.4), np.float32) * relief(heights)[..., None]
    outline = [(300, 40), (430, 0), (580, 0), (710, 50), (800, 330), (830, 760), (640, 760), (630, 330)]
    outline += [(620, 760), (330, 760), (350, 360), (290, 760), (130, 760), (190, 330)]
    mask = np.zeros(small, np.float32)
    cv2.fillPoly(mask, [np.array(outline, np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), 1.6)
    shape = cv2.GaussianBlur(mask, (0, 0), 14)
    coat *= (0.55 + 0.45 * shape)[..., None]
    scene = under(wall, mask, 22, 0.5) * (1 - mask[..., None]) + coat * mask[..., None]
    for x in (455, 560):
        for y in (250, 360, 470, 580):
            cv2.circle(scene, (x + 2, y + 3), 9, (0.5, 0.41, 0.29), -1, cv2.LINE_AA)
            cv2.circle(scene, (x, y), 9, (0.56, 0.46, 0.33), -1, cv2.LINE_AA)
            cv2.circle(scene, (x - 2, y - 2), 4, (0.62, 0.52, 0.38), -1, cv2.LINE_AA)
    for path in ([(508, 0), (508, 760)], [(430, 0), (505, 180), (508, 230)], [(590, 0), (515, 180), (508, 230)]):
        cv2.polylines(scene, [np.array(path, np.int32)], False, (0.42, 0.33, 0.23), 2, cv2.LINE_AA)
    scene = cv2.resize(scene, (columns, rows), interpolation=cv2.INTER_CUBIC)
    cloth = weave(rng, rows // 2, columns // 2, (0.5, 0.5, 0.5), pitch=3, depth=0.1) * 2
    big = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_LINEAR)[..., None]
    scene *= 1 + (cv2.resize(cloth, (columns, rows), interpolation=cv2.INTER_LINEAR) - 1) * 0.5 * big
    card = blank(430, 640)
    punch(card, 215, 40, 12, ring=(120, 120, 124))
    write(card, [Line("MORI LANE", 40, "serif-bold", align="centre", tracking=6)], _DARK, margin=26, top=74)
    lines = [
        Line("双排扣风衣", 48, "bold", 6, "centre"),
        Line("面料:棉60% 锦纶40%", 37, "sans", 10, "centre"),
        Line("里料:聚酯纤维100%", 37, "sans", 0, "centre"),
        Line("号型:170/92A", 37, "sans", 0, "centre"),
        Line("¥899", 60, "bold", 14, "centre"),
    ]
    bottom = write(card, lines, _DARK, margin=20, top=140)
    barcode(card, rng, (80, bottom + 12, 350, bottom + 76), _DARK)
    scene = put(scene, _stock(rng, card, (0.95, 0.94, 0.91)), around((2790, 2130), 370, 550, 6), lift=16, fine=1)
    scene = cord(scene, [(2816, 1890), (2850, 1720), (2800, 1570), (2740, 1480)], 9, (0.15, 0.13, 0.12))
    return take(rng, scene, Shot(lamp=(0.2, 0.1), fall=0.4, defocus=0.9, grain=0.004))


def skirt_tag(rng: Rng) -> Field:
    """A kraft tag on linen, in the light of a window."""
    rows, columns = 1080, 1080
    heights = folds(rng, rows, columns, 8, deep=22, lean=-50)
    scene = weave(rng, rows, columns, (0.87, 0.86, 0.82), pitch=4.5) * relief(heights)[..., None]
    card = blank(470, 760)
    brown: Ink = (52, 34, 24)
    punch(card, 235, 56, 16, ring=(196, 190, 182))
    lines = [
        Line("南塘手作", 54, "serif-bold", 0, "centre", 12),
        Line("A字半身裙", 50, "bold", 22, "centre"),
        Line("亚麻 55%", 44, "sans", 26, "centre"),
        Line("莱赛尔纤维 45%", 44, "sans", 0, "centre"),
        Line("均码 · 手工缝制", 34, "sans", 26, "centre"),
        Line("¥268", 58, "bold", 20, "centre"),
    ]
    write(card, lines, brown, margin=30, top=112)
    round_corners(card, 26)
    tag = _stock(rng, card, (0.75, 0.6, 0.43), 0.035)
    scene = put(scene, tag, around((540, 560), 470, 760, 11, (0.03, 0.0)), lift=10)
    scene = cord(scene, [(616, 238), (660, 150), (760, 90), (900, -10)], 7, (0.93, 0.92, 0.88))
    scene *= window_light(rng, rows, columns, 3, 0.62)[..., None]
    return take(rng, scene, Shot(lamp=(0.5, 0.5), fall=0.15, warmth=0.06, bright=1.02, grain=0.01))


def down_tag(rng: Rng) -> Field:
    """A down jacket's tag seen from far below, half of it in the dark."""
    rows, columns = 1080, 1440
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    quilt = np.abs(np.sin(np.pi * (y + 0.12 * x) / 230 + 0.15 * noise(rng, rows, columns, 300, 1))) ** 0.55 * 46
    heights = quilt.astype(np.float32) + folds(rng, rows, columns, 26, deep=9, lean=0)
    shell = plaster(rng, rows, columns, (0.2, 0.27, 0.25), 0.02)
    scene = shell * relief(heights, towards=(-0.5, -0.9), strength=0.09)[..., None]
    card = _swing_tag(
        rng,
        "雪原里",
        [
            Line("品名:短款羽绒服", 38),
            Line("货号:XY-W2588", 36),
            Line("面料:锦纶100%", 42, "bold"),
            Line("填充物:白鸭绒90%", 42, "bold"),
            Line("充绒量:118g(170/92A)", 36),
            Line("执行标准:GB/T 14272-2021", 32),
            Line("安全类别:C类", 36),
        ],
        "¥799.00",
    )
    corners = ((420, 70), (985, 150), (1130, 1010), (170, 900))
    scene = put(scene, _stock(rng, card, (0.95, 0.95, 0.95)), corners, lift=18)
    scene = cord(scene, [(705, 150), (730, 70), (790, 20), (860, -20)], 8, (0.1, 0.1, 0.1))
    dark = 1 - 0.74 / (1 + np.exp(-(x + 0.45 * y - 1010) / 60))
    scene *= dark[..., None].astype(np.float32)
    return take(rng, scene, Shot(lamp=(0.15, 0.2), fall=0.4, warmth=0.07, defocus=0.8, grain=0.02))


def blurry_tag(rng: Rng) -> Field:
    """A tag that someone photographed while walking by."""
    rows, columns = 1200, 900
    scene = wood(rng, rows, columns, (0.4, 0.33, 0.28), 260)
    lines = [
        Line("品名:真丝衬衫", 36),
        Line("面料:桑蚕丝100%", 38, "bold"),
        Line("号型:160/84A", 34),
        Line("安全类别:B类", 34),
    ]
    lines += [Line("等级:合格品", 34), Line("产地:杭州", 34)]
    card = _swing_tag(rng, "小满裁缝", lines, "¥459.00")
    scene = put(scene, _stock(rng, card, (0.96, 0.95, 0.93)), around((460, 610), 500, 790, -9, (0.04, 0.05)), lift=14)
    return take(rng, scene, Shot(fall=0.4, warmth=0.06, bright=0.85, defocus=6.5, shake=47, grain=0.02))
