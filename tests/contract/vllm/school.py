"""
A tiny model of each kind on a real vLLM, with workers before it, and what the model was taught.

`tiny_hunyuan.py` and `tiny_paddle_vl.py` teach their model by heart, so that a test knows which lines, boxes and scores
belong to a photo.
"""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr

from ocr_worker.engines.hunyuan.chat import PROMPT as HUNYUAN_PROMPT
from ocr_worker.engines.hunyuan.engine import HunyuanConfig
from ocr_worker.engines.paddle_vl.chat import PROMPT as PADDLE_PROMPT
from ocr_worker.engines.paddle_vl.engine import PaddleVlConfig
from ocr_worker.engines.vllm.canary import canary_photos
from ocr_worker.engines.vllm.engine import VllmConfig, VllmEngine
from ocr_worker.engines.vllm.stand_in import QUAD, QUAD_END, REF, REF_END
from ocr_worker.images.decode import Limits, open_photo
from ocr_worker.pool.pool import OcrPool
from ocr_worker.result import Refused

#: A line's text, and its box in thousandths.
Line = tuple[str, tuple[int, int, int, int]]

SAMPLES = Path(__file__).parents[3] / "samples" / "photos"
#: The sample photos that are taught, made small so that learning takes a minute, each with lines of its own.
TAUGHT = (
    *("care-label-en.jpg", "care-label-zh.jpg", "hang-tag-zh.jpg", "neck-print.jpg"),
    *("poster-summer.jpg", "trap-cotton-free.jpg", "tshirt-slogan.jpg", "coat-4000px.jpg"),
)
#: A photo for which the model learns that it has no text.
WORDLESS = "care-label-languages.jpg"
REVISION = "0123456789abcdef0123456789abcdef01234567"
KEY = "a vLLM server's key"
BATCH = 4


@dataclass(frozen=True)
class Kind:
    """One of the models that Hangtag reads with: its engine, prompt and notation, and the script that teaches it."""

    engine: str
    config: VllmConfig
    prompt: str
    write: Callable[[tuple[Line, ...]], str]
    teacher: str
    #: Long sides of the first taught photo, and of each next one more, in px.
    side: int
    step: int


@dataclass(frozen=True)
class Lesson:
    """One photo, the lines that belong to it, and the score transformers gives to each."""

    photo: bytes
    lines: tuple[Line, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class School:
    """What a model was taught, and the servers that serve it."""

    kind: Kind
    lessons: tuple[Lesson, ...]
    #: The folder of the taught checkpoint, and the vllm command.
    model: Path
    command: str
    vllm: str
    version: str
    workers: tuple[str, ...]

    def pool(self) -> OcrPool:
        return OcrPool(self.workers, SecretStr("a worker's token"), 300, 64)


def _hunyuan(lines: tuple[Line, ...]) -> str:
    pieces = [f"{REF}{text}{REF_END}{QUAD}({a},{b}),({c},{d}){QUAD_END}" for text, (a, b, c, d) in lines]
    return "".join(pieces) or "没有文字"


def _paddle(lines: tuple[Line, ...]) -> str:
    def place(box: tuple[int, int, int, int]) -> str:
        a, b, c, d = box
        return "".join(f"<|LOC_{number}|>" for number in (a, b, c, b, c, d, a, d))

    return "".join(f"<|TEXT_START|>{text}<|TEXT_END|><|LOC_BEGIN|>{place(box)}<|LOC_END|>" for text, box in lines)


HUNYUAN = Kind("hunyuan", HunyuanConfig(), HUNYUAN_PROMPT, _hunyuan, "tiny_hunyuan.py", 224, 16)
#: Its engine doubles small photos, so these are half as large.
PADDLE = Kind("paddle-vl", PaddleVlConfig(), PADDLE_PROMPT, _paddle, "tiny_paddle_vl.py", 112, 8)


def small(name: str, side: int) -> bytes:
    image = Image.open(SAMPLES / name).convert("RGB")
    image.thumbnail((side, side))
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def sent(kind: Kind, photo: bytes) -> bytes:
    """The very JPEG that the engine sends."""
    opened = open_photo(photo, Limits())
    assert not isinstance(opened, Refused)
    return VllmEngine(kind.config).prepare(opened).jpeg


def open_school(kind: Kind, folder: Path, start_vllm, start_workers, *more: str) -> School:
    """Teach a tiny model of this kind, and start vLLM and two workers with it. `more` are options of vLLM."""
    vllm = os.environ.get("HANGTAG_TEST_VLLM")  # noqa: TID251 - a switch of the tests
    if not vllm:
        # 6 GB in an environment of its own, for x86-64 Linux only, and ten minutes: run only on request.
        pytest.skip("needs vLLM: run `make test-vllm`")
    photos = {name: small(name, kind.side + kind.step * at) for at, name in enumerate((*TAUGHT, WORDLESS))}
    lines: dict[str, tuple[Line, ...]] = {
        name: (
            (f"{at}号 棉{11 + 7 * at}%", (100 + 11 * at, 200, 900, 300 + 13 * at)),
            (f"COTTON {9 - at}", (50, 500, 950, 600)),
        )
        for at, name in enumerate(TAUGHT)
    } | {WORDLESS: ()}
    pictures = {name: sent(kind, photo) for name, photo in photos.items()}
    # The worker sends these for its proof, as they are.
    canary = {f"canary-{at}.jpg": photo for at, photo in enumerate(canary_photos())}
    for name, picture in (pictures | canary).items():
        (folder / name).write_bytes(picture)
    answers = {name: kind.write(lines[name]) for name in photos}
    drawn = (("SIZE 4821", "COTTON"), ("RN 79305", "LINEN"))
    for name, (first, second) in zip(canary, drawn, strict=True):
        answers[name] = kind.write(((first, (100, 200, 900, 400)), (second, (100, 500, 900, 700))))
    (folder / "lessons.json").write_text(json.dumps({"prompt": kind.prompt, "answers": answers}), encoding="utf-8")
    teacher = Path(__file__).with_name(kind.teacher)
    subprocess.run([Path(vllm).with_name("python"), teacher, folder], check=True, timeout=600)
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    url = start(start_vllm, kind, vllm, folder / "model", *more)
    version = httpx.get(f"{url}/version", trust_env=False).json()["version"]
    workers = start_workers(url, KEY, revision=REVISION, workers=2, slots=BATCH, engine=kind.engine)
    known = tuple(Lesson(photos[name], lines[name], tuple(scores[name])) for name in photos)
    return School(kind, known, folder / "model", vllm, url, version, tuple(workers))


def start(start_vllm, kind: Kind, vllm: str, model: Path, *more: str, **variables: str) -> str:
    """Start vLLM with our own command and a tiny model, on a CPU."""
    return start_vllm(
        vllm,
        str(model),
        *("--dtype", "float32", "--enforce-eager"),
        *more,
        engine=kind.engine,
        options=("--batch", str(BATCH)),
        VLLM_CPU_KVCACHE_SPACE="1",
        HF_HUB_OFFLINE="1",
        **variables,
    )
