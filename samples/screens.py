"""Pictures that no lens took alone: a shop's page on a phone, a poster, a sticker cut out of its photo."""

import cv2
import numpy as np
from camera import Shot, put, relief, take
from garments import dress, shirt
from lettering import Ink, Line, blank, font, pixels, write
from PIL import Image, ImageDraw
from surfaces import Field, Rng, floral, folds, noise, paper, plaster, weave

_TEXT: Ink = (34, 34, 38)
_GREY: Ink = (120, 120, 126)
_RED: Ink = (226, 58, 52)


def shop_page(rng: Rng) -> Field:
    """A screenshot of a dress in a made-up shop's app, with the poster's watermark across the photo."""
    columns, rows, photo_rows = 1080, 2160, 1080
    page = Image.new("RGBA", (columns, rows), (246, 246, 248, 255))
    photo = _dress_photo(rng, photo_rows, columns)
    page.paste(Image.fromarray((photo * 255).astype(np.uint8)), (0, 84))
    _watermark(page, "@今日穿搭手记", (0, 84, columns, 84 + photo_rows))
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, columns, 84), fill=(255, 255, 255))
    write(page, [Line("14:32", 38, "bold")], _TEXT, margin=46, top=14)
    pen.rounded_rectangle((950, 28, 1020, 58), 8, outline=_TEXT, width=3)
    pen.rectangle((956, 34, 1000, 52), fill=_TEXT)
    for bar in range(4):
        pen.rectangle((860 + bar * 16, 52 - bar * 7, 870 + bar * 16, 58), fill=_TEXT)
    pen.rounded_rectangle((960, 1090, 1060, 1140), 24, fill=(30, 30, 30, 255))
    write(page, [Line("1/6", 32, "sans")], (255, 255, 255), margin=984, top=1090, right=1080)
    pen.rectangle((0, 1164, columns, 1440), fill=(255, 255, 255))
    price = [Line("¥259", 72, "bold")]
    write(page, price, _RED, margin=40, top=1166)
    write(page, [Line("券后价  已售 1200+", 34)], _GREY, margin=240, top=1198)
    title = [Line("法式碎花雪纺连衣裙 V领 修身", 50, "bold"), Line("高腰显瘦 夏季新款 7天无理由退换", 40, "sans", 4)]
    write(page, title, _TEXT, margin=40, top=1278)
    pen.rectangle((0, 1464, columns, 1996), fill=(255, 255, 255))
    write(page, [Line("商品参数", 44, "bold")], _TEXT, margin=40, top=1482)
    facts = [("面料", "雪纺"), ("成分", "聚酯纤维100%"), ("领型", "V领"), ("版型", "修身"), ("裙长", "中长裙")]
    for number, (name, value) in enumerate(facts):
        y = 1560 + number * 66
        write(page, [Line(name, 38)], _GREY, margin=40, top=y)
        write(page, [Line(value, 38)], _TEXT, margin=260, top=y)
        pen.line((40, y + 60, columns - 40, y + 60), fill=(232, 232, 236), width=2)
    write(page, [Line("评价:不是纯棉的,但是很透气", 36)], _GREY, margin=40, top=1914)
    pen.rectangle((0, 2004, columns, rows), fill=(255, 255, 255))
    for left, colour, words in ((330, (250, 158, 40), "加入购物车"), (700, _RED, "立即购买")):
        pen.rounded_rectangle((left, 2030, left + 340, 2126), 48, fill=colour)
        width = font("bold", 42).getlength(words)
        pen.text((left + 170 - width / 2, 2048), words, font=font("bold", 42), fill=(255, 255, 255))
    write(page, [Line("店铺   客服", 36)], _GREY, margin=60, top=2052)
    return pixels(page)[..., :3]


def _dress_photo(rng: Rng, rows: int, columns: int) -> Field:
    wall = plaster(rng, rows, columns, (0.86, 0.84, 0.8), 0.02)
    cloth = np.ones((rows, columns, 3), np.float32) * np.array((0.9, 0.86, 0.8), np.float32)
    blooms = [(0.78, 0.32, 0.36), (0.9, 0.6, 0.5), (0.5, 0.42, 0.66)]
    cloth = floral(rng, cloth, 620, (9, 17), blooms)
    heights = folds(rng, rows, columns, 16, deep=30, lean=0)
    cloth = cloth * relief(heights, strength=0.06)[..., None]
    scene = dress(wall, cloth, (210, 60, 660, 1010))
    return take(rng, scene, Shot(lamp=(0.2, 0.1), fall=0.22, bright=1.05, grain=0.004))


def _watermark(page: Image.Image, words: str, box: tuple[int, int, int, int]) -> None:
    """Repeat faint slanted words over a part of the page."""
    layer = Image.new("RGBA", page.size, (255, 255, 255, 0))
    face = font("sans", 40)
    stamp = Image.new("RGBA", (round(face.getlength(words)) + 20, 64), (255, 255, 255, 0))
    ImageDraw.Draw(stamp).text((12, 4), words, font=face, fill=(60, 60, 60, 90))
    ImageDraw.Draw(stamp).text((10, 2), words, font=face, fill=(255, 255, 255, 190))
    stamp = stamp.rotate(24, expand=True, resample=Image.Resampling.BICUBIC)
    for row, y in enumerate(range(box[1] + 60, box[3] - stamp.height, 330)):
        for x in range(box[0] + 40 + (row % 2) * 240, box[2] - stamp.width, 500):
            layer.alpha_composite(stamp, (x, y))
    page.alpha_composite(layer)


def poster(rng: Rng) -> Field:
    """A summer poster in a shop's street, seen a little from the side."""
    rows, columns = 1440, 1080
    scene = plaster(rng, rows, columns, (0.5, 0.5, 0.5), 0.1)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    row = np.floor(y / 70)
    joints = np.maximum(np.exp(-((np.mod(y, 70) / 3) ** 2)), np.exp(-((np.mod(x + (row % 2) * 90, 180) / 3) ** 2)))
    brick = 0.9 + 0.12 * np.sin(row * 12.9 + np.floor((x + (row % 2) * 90) / 180) * 78.2)
    scene = scene * np.array((1.1, 0.72, 0.6), np.float32) * (brick * (1 - 0.4 * joints))[..., None]
    card = _poster_print(rng)
    heights = folds(rng, card.shape[0], card.shape[1], 5, deep=9, lean=20)
    card[..., :3] *= relief(heights)[..., None]
    scene = put(scene, card, ((150, 110), (960, 190), (950, 1330), (130, 1370)), lift=7)
    return take(rng, scene, Shot(lamp=(0.9, 0.0), fall=0.4, bright=1.05, warmth=0.05, grain=0.011))


def _poster_print(rng: Rng) -> Field:
    width, height = 900, 1350
    sky = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top, foot = np.array((0.98, 0.75, 0.36), np.float32), np.array((0.95, 0.93, 0.84), np.float32)
    flat = np.broadcast_to(top * (1 - sky) + foot * sky, (height, width, 3)).copy()
    cv2.circle(flat, (660, 420), 250, (0.96, 0.5, 0.3), -1, cv2.LINE_AA)
    for wave in range(4):
        x = np.arange(0, width + 1, 6)
        y = 900 + wave * 34 + 16 * np.sin(x / 70 + wave)
        line = np.stack([x, y], axis=1).round().astype(np.int32)
        tone = (0.2 + 0.08 * wave, 0.5 + 0.06 * wave, 0.62 + 0.05 * wave)
        shape = np.vstack([line, [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(flat, [shape], tone, cv2.LINE_AA)
    flat *= 0.96 + 0.02 * noise(rng, height, width, 3, 1)[..., None]
    card = Image.fromarray((np.clip(flat, 0, 1) * 255).astype(np.uint8)).convert("RGBA")
    navy, white = (24, 40, 66), (255, 252, 244)
    write(card, [Line("夏日新款", 190, "serif-bold")], navy, margin=56, top=60)
    write(card, [Line("SUMMER 2026", 58, "latin-bold", tracking=8)], navy, margin=60, top=350)
    write(card, [Line("纯棉T恤", 150, "bold"), Line("oversize 宽松版型", 66, "bold", 0)], navy, margin=60, top=520)
    offer = [Line("限时8折", 120, "bold"), Line("7月18日—8月3日 全场门店", 48, "sans", 12)]
    write(card, offer, white, margin=60, top=1020)
    ImageDraw.Draw(card).rectangle((14, 14, width - 15, height - 15), outline=white, width=5)
    flat4 = pixels(card)
    flat4[..., :3] *= paper(rng, height, width, (1.0, 1.0, 1.0), 0.006)
    return flat4


def sticker(rng: Rng) -> Field:
    """A shirt cut out of its photo with its caption: RGBA, and black wherever nothing shows."""
    rows, columns = 810, 684
    ground = np.zeros((rows, columns, 3), np.float32)
    heights = folds(rng, rows, columns, 14, deep=24, lean=0)
    cloth = (
        weave(rng, rows, columns, (0.74, 0.82, 0.86), pitch=3, depth=0.1) * relief(heights, strength=0.06)[..., None]
    )
    box = (72, 27, 540, 504)
    photo = take(rng, shirt(ground, cloth, box), Shot(fall=0.3, defocus=0.8, grain=0.002))
    shape = shirt(ground, np.ones_like(cloth), box).max(axis=2) > 0.3
    caption = blank(columns, rows, (0, 0, 0, 0))
    lines = [Line("雪纺衬衫", 82, "bold", 0, "centre"), Line("宽松 长袖", 52, "sans", 0, "centre")]
    lines.append(Line("CHIFFON SHIRT", 40, "latin-bold", 4, "centre"))
    write(caption, lines, (26, 26, 30, 255), margin=20, top=545)
    letters = pixels(caption)
    alpha = np.maximum(cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 1.0), letters[..., 3])
    colour = np.where(shape[..., None], photo, letters[..., :3] * (letters[..., 3:] > 0))
    return np.dstack([colour, alpha]).astype(np.float32)
