"""Scenes with a cloth label or small print on cloth. Compositions are plausible, makers made up."""

import numpy as np
from camera import Quad, Shot, around, drape, print_on, put, relief, take
from lettering import Ink, Line, blank, care_symbols, pixels, write
from PIL import Image
from surfaces import Colour, Field, Rng, folds, knit, noise, satin, weave

_BLACK: Ink = (44, 42, 42)


def _ribbon(rng: Rng, card: Image.Image, colour: Colour, wave: float = 10) -> Field:
    """Turn a drawn card into a satin label with heat-cut edges that does not quite lie flat."""
    flat = pixels(card)
    rows, columns = flat.shape[:2]
    cloth = satin(rng, rows, columns, colour)
    # Thermal print on satin is thin: threads show through the letters.
    letters = 1 - (1 - flat[..., :3]) * (0.9 + 0.05 * noise(rng, rows, columns, 2, 1)[..., None])
    heights = folds(rng, rows, columns, 3, deep=wave, lean=70) * 1.3
    flat = np.dstack([cloth * np.clip(letters, 0, 1) * relief(heights, strength=0.03)[..., None], flat[..., 3]])
    flat[:10, :, :3] *= 0.82
    flat[-10:, :, :3] *= 0.82
    return drape(flat.astype(np.float32), heights, 5)


def _sewn(scene: Field, quad: Quad) -> Field:
    """Darken the seam that a label's upper edge disappears into."""
    (x1, y1), (x2, y2) = quad[0], quad[1]
    rows, columns = scene.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    slope = (y2 - y1) / (x2 - x1)
    away = y - (y1 + (x - x1) * slope)
    seam = np.exp(-((away / 9) ** 2)) * 0.5 + np.exp(-(((away + 24) / 30) ** 2)) * 0.22
    return scene * (1 - seam[..., None]).astype(np.float32)


def zh(rng: Rng) -> Field:
    """A Chinese care label in the seam of a jumper."""
    rows, columns = 1360, 1020
    heights = folds(rng, rows, columns, 7, deep=34, lean=-25)
    scene = knit(rng, rows, columns, (0.55, 0.28, 0.26), stitch=19, depth=0.34) * relief(heights)[..., None]
    card = blank(520, 930)
    lines = [
        Line("面料:", 38),
        Line("聚酯纤维 68%", 46, "bold"),
        Line("粘纤 27%", 46, "bold"),
        Line("氨纶 5%", 46, "bold"),
        Line("手洗,最高洗涤温度40℃", 34, "sans", 28),
        Line("不可漂白 悬挂晾干", 34),
        Line("熨斗底板最高温度110℃", 34),
        Line("不可干洗", 34),
    ]
    bottom = write(card, lines, _BLACK, margin=48, top=50)
    care_symbols(card, 48, bottom + 24, 66, _BLACK)
    write(
        card,
        [Line("170/88A", 44, "bold", 0, "centre"), Line("请反面洗涤", 34, "sans", 0, "centre")],
        _BLACK,
        margin=40,
        top=bottom + 116,
    )
    quad = around((530, 730), 560, 1000, -5, (0.02, -0.02))
    scene = _sewn(put(scene, _ribbon(rng, card, (0.95, 0.94, 0.92)), quad, lift=12), quad)
    return take(rng, scene, Shot(lamp=(0.8, 0.15), fall=0.38, warmth=0.04, grain=0.013))


def en(rng: Rng) -> Field:
    """An English care label on a checked shirt."""
    rows, columns = 1360, 1020
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    cloth = weave(rng, rows, columns, (0.8, 0.84, 0.88), pitch=3.2, depth=0.12)
    for across in (x + y * 0.08, y - x * 0.08):
        band = (np.mod(across, 150) < 62).astype(np.float32)[..., None]
        cloth *= 1 - band * np.array((0.3, 0.2, 0.08), np.float32)
    heights = folds(rng, rows, columns, 9, deep=30, lean=30)
    scene = drape(cloth, heights) * relief(heights)[..., None]
    card = blank(540, 860)
    lines = [
        Line("65% POLYESTER", 50, "latin-bold", 0, "centre"),
        Line("35% COTTON", 50, "latin-bold", 0, "centre"),
        Line("MACHINE WASH COLD", 34, "latin", 34, "centre"),
        Line("WITH LIKE COLORS", 34, "latin", 0, "centre"),
        Line("DO NOT BLEACH", 34, "latin", 0, "centre"),
        Line("TUMBLE DRY LOW", 34, "latin", 0, "centre"),
        Line("WARM IRON IF NEEDED", 34, "latin", 0, "centre"),
    ]
    bottom = write(card, lines, _BLACK, margin=30, top=60)
    care_symbols(card, 58, bottom + 26, 68, _BLACK)
    foot = [Line("MADE IN PORTUGAL", 32, "latin", 0, "centre"), Line("RN 00417", 30, "latin", 0, "centre")]
    write(card, foot, _BLACK, margin=30, top=bottom + 124)
    quad = around((500, 700), 590, 940, 8, (-0.02, 0.03))
    scene = put(scene, _ribbon(rng, card, (0.96, 0.96, 0.97)), quad, lift=12)
    return take(rng, _sewn(scene, quad), Shot(lamp=(0.2, 0.7), fall=0.42, warmth=-0.02, grain=0.013))


def many_languages(rng: Rng) -> Field:
    """The long label of a summer jacket, in nine languages."""
    rows, columns = 1440, 1080
    heights = folds(rng, rows, columns, 8, deep=26, lean=15)
    scene = weave(rng, rows, columns, (0.42, 0.47, 0.4), pitch=5.5, depth=0.22) * relief(heights)[..., None]
    card = blank(640, 1010)
    fibres = [
        ("GB", "55% linen 45% cotton"),
        ("FR", "55% lin 45% coton"),
        ("DE", "55% Leinen 45% Baumwolle"),
        ("IT", "55% lino 45% cotone"),
        ("ES", "55% lino 45% algodón"),
        ("NL", "55% linnen 45% katoen"),
        ("PL", "55% len 45% bawełna"),
        ("SE", "55% lin 45% bomull"),
    ]
    lines = [Line(f"{land}  {text}", 36, "latin", 16) for land, text in fibres]
    lines.append(Line("CN  亚麻55% 棉45%", 40, "sans", 14))
    bottom = write(card, lines, _BLACK, margin=40, top=50)
    care_symbols(card, 96, bottom + 40, 74, _BLACK)
    foot = [
        Line("EUR 40 · UK 12 · US 8", 34, "latin", 0, "centre"),
        Line("Made in Lithuania", 32, "latin", 0, "centre"),
    ]
    write(card, foot, _BLACK, margin=40, top=bottom + 150)
    quad = around((545, 740), 720, 1200, 3, (0.0, 0.04))
    scene = put(scene, _ribbon(rng, card, (0.95, 0.95, 0.93), 12), quad, lift=10)
    return take(rng, _sewn(scene, quad), Shot(lamp=(0.3, 0.1), fall=0.36, warmth=0.02, grain=0.012))


def cotton_free(rng: Rng) -> Field:
    """A sports label that names cotton only to say there is none."""
    rows, columns = 1080, 1280
    heights = folds(rng, rows, columns, 8, deep=24, lean=60)
    scene = knit(rng, rows, columns, (0.2, 0.2, 0.26), stitch=7, depth=0.2) * relief(heights)[..., None]
    card = blank(760, 620)
    lines = [
        Line("瑜伽长裤", 46, "bold", 0, "centre"),
        Line("面料:锦纶78% 氨纶22%", 46, "bold", 14, "centre"),
        Line("本品不含棉", 46, "sans", 8, "centre"),
        Line("NO COTTON · QUICK DRY", 38, "latin", 6, "centre"),
        Line("冷水机洗 不可烘干", 36, "sans", 10, "centre"),
    ]
    bottom = write(card, lines, _BLACK, margin=30, top=46)
    care_symbols(card, 160, bottom + 20, 68, _BLACK)
    quad = around((640, 545), 820, 670, -3, (0.02, -0.03))
    scene = put(scene, _ribbon(rng, card, (0.93, 0.94, 0.96)), quad, lift=10)
    return take(rng, _sewn(scene, quad), Shot(lamp=(0.5, 0.1), fall=0.4, warmth=-0.03, grain=0.015))


def neck_print(rng: Rng) -> Field:
    """What is printed inside the neck of a T-shirt instead of a label."""
    rows, columns = 1000, 1280
    heights = folds(rng, rows, columns, 9, deep=34, lean=5)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    collar = y - (150 + 0.00028 * (x - 640) ** 2)
    ribs = 0.84 + 0.16 * np.sin(2 * np.pi * (x + (x - 640) * (y - 150) / 2600) / 15)
    rib = knit(rng, rows, columns, (0.8, 0.82, 0.76), stitch=6, depth=0.1) * ribs[..., None]
    jersey = knit(rng, rows, columns, (0.82, 0.84, 0.78), stitch=8, depth=0.15)
    body = np.clip((collar + 2) / 4, 0, 1)[..., None]
    cloth = rib * (1 - body) + jersey * body
    cloth *= (1 - 0.45 * np.exp(-((collar / 7) ** 2)))[..., None]
    layer = blank(columns, rows, (60, 66, 60, 0))
    ink = (52, 62, 56, 255)
    lines = [
        Line("ROOT & ROW", 62, "latin-bold", 0, "centre", 6),
        Line("OVERSIZED FIT", 48, "latin", 10, "centre"),
        Line("100% ORGANIC COTTON", 54, "latin-bold", 16, "centre"),
        Line("有机棉 100%", 52, "bold", 8, "centre"),
        Line("L · 175/96A", 48, "sans", 6, "centre"),
        Line("WASH COLD INSIDE OUT", 38, "latin", 10, "centre"),
    ]
    write(layer, lines, ink, margin=200, top=270)
    scene = print_on(cloth, drape(pixels(layer), heights, 9), 0.86) * relief(heights)[..., None]
    return take(rng, scene, Shot(lamp=(0.2, 0.9), fall=0.4, warmth=0.02, grain=0.014))


def faint_print(rng: Rng) -> Field:
    """Small grey print on a grey ribbon: next to no contrast."""
    rows, columns = 1080, 1440
    heights = folds(rng, rows, columns, 9, deep=30, lean=35)
    scene = weave(rng, rows, columns, (0.3, 0.3, 0.33), pitch=6, depth=0.28) * relief(heights)[..., None]
    card = blank(760, 420)
    grey: Ink = (219, 219, 217)
    lines = [
        Line("羊毛 70%  桑蚕丝 30%", 44, "sans", 0, "centre"),
        Line("70% WOOL  30% SILK", 40, "latin", 8, "centre"),
        Line("DRY CLEAN ONLY", 40, "latin", 8, "centre"),
        Line("只可干洗 阴凉晾干", 42, "sans", 8, "centre"),
    ]
    write(card, lines, grey, margin=30, top=60)
    quad = around((780, 560), 470, 260, 6, (0.02, 0.02))
    scene = put(scene, _ribbon(rng, card, (0.64, 0.64, 0.63), 5), quad, lift=8)
    return take(rng, scene, Shot(lamp=(0.9, 0.1), fall=0.5, bright=0.95, warmth=0.02, grain=0.012))
