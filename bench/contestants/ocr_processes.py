"""
The photos that the OCR benches send, and the servers they measure as processes of their own.

    python ocr_processes.py SECONDS      be a stand-in for vLLM of 32 slots that takes so long for a photo
"""

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import psutil
import uvicorn
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.vllm.stand_in import CODE_GRID, StandIn, stand_in_app
from streams.config.settings import child_environment

SLOTS = 32
HERE = Path(__file__).parent


def label(size: tuple[int, int], px: int) -> bytes:
    """Large clear print on mild noise: nothing that the worker would look at twice."""
    noise = np.random.default_rng(7).integers(236, 255, (size[1] // 8, size[0] // 8), dtype=np.uint8)
    image = Image.fromarray(noise).resize(size).convert("RGB")
    font = ImageFont.load_default(size=px)
    for row, line in enumerate(("65% POLYESTER", "35% COTTON", "DO NOT BLEACH")):
        ImageDraw.Draw(image).text((px, px + row * 2 * px), line, font=font, fill="black")
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def camera_photo(quality: int = 80) -> bytes:
    """12 MP with a camera's grain; 2.9 MB at JPEG's quality of 80, 2.2 MB at 60."""
    random = np.random.default_rng(1)
    scene = cv2.resize(
        random.integers(0, 255, (378, 504, 3), dtype=np.uint8), (4032, 3024), interpolation=cv2.INTER_CUBIC
    )
    grain = random.normal(0, 2, scene.shape)
    picture = np.clip(scene + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes()


def coded(code: int) -> bytes:
    """A small photo that the stand-in can tell from any other."""
    cells = np.array([255 * int(bit) for bit in f"{code:032b}"], dtype=np.uint8).reshape(CODE_GRID[::-1])
    out = BytesIO()
    Image.fromarray(cells).resize((320, 160), Image.Resampling.NEAREST).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@contextmanager
def child(*command: str, environment: Mapping[str, str] | None = None) -> Iterator[tuple[psutil.Popen, str]]:
    """Run a process; gives it and the URL at the end of the first line that it prints."""
    with psutil.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=HERE) as process:
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            if process.is_running():
                process.terminate()


def worker(engine: str, slots: int, **settings: object) -> AbstractContextManager[tuple[psutil.Popen, str]]:
    """Start an OCR worker."""
    serve = "from streams.cli.ocr.group import app; app()"
    around = child_environment(ocr_engine=engine, ocr_slots=slots, log_level="warning", **settings)
    return child(sys.executable, "-c", serve, "serve", "--port", "0", environment=around)


def reader_before(model_server: str) -> AbstractContextManager[tuple[psutil.Popen, str]]:
    """Start an OCR worker before a model server; 40 slots keep a batch of 32 full."""
    return worker("hunyuan", 40, ocr_vllm_url=model_server)


def stand_in(seconds: float) -> AbstractContextManager[tuple[psutil.Popen, str]]:
    """Start a stand-in for vLLM."""
    return child(sys.executable, __file__, str(seconds))


if __name__ == "__main__":
    app = stand_in_app(StandIn(slots=SLOTS, seconds=float(sys.argv[1])))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
