"""
How fast photos are read, as ratios taken in one run. Prints JSON.

    python -P bench/ocr.py [overhead|memory|http|vllm|failure ...] [--out FILE]

Starts its own workers and stand-in servers, and stops them.
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psutil
import uvicorn
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

from ocr_worker.config import OcrConfig
from ocr_worker.contrast import lift_contrast
from ocr_worker.images import Limits, open_photo
from ocr_worker.pool import OcrPool
from ocr_worker.quality import sharpness
from ocr_worker.rapid import _PARAMS
from ocr_worker.reader import Reader
from ocr_worker.reading import Reading, Refused
from ocr_worker.scripted import ScriptedEngine
from ocr_worker.stand_in import CODE_GRID, StandIn, stand_in_app
from schemas.outcomes import Later
from streams.settings import child_environment

SLOTS = 32
HUNYUAN = ("--engine", "hunyuan", "--vllm-url")


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


def camera_photo() -> bytes:
    """12 MP with a camera's grain, about 3 MB."""
    random = np.random.default_rng(1)
    scene = cv2.resize(
        random.integers(0, 255, (378, 504, 3), dtype=np.uint8), (4032, 3024), interpolation=cv2.INTER_CUBIC
    )
    grain = random.normal(0, 2, scene.shape)
    picture = np.clip(scene + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 80))[1].tobytes()


def coded(code: int) -> bytes:
    """A small photo that the stand-in can tell from any other."""
    cells = np.array([255 * int(bit) for bit in f"{code:032b}"], dtype=np.uint8).reshape(CODE_GRID[::-1])
    out = BytesIO()
    Image.fromarray(cells).resize((320, 160), Image.Resampling.NEAREST).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def least_ms(work: Callable[[], object], times: int = 9) -> float:
    """CPU milliseconds of this thread, the least of several runs: others share the machine."""
    taken = []
    for _ in range(times):
        started = time.thread_time()
        work()
        taken.append(time.thread_time() - started)
    return round(min(taken) * 1000, 1)


def overhead() -> dict[str, object]:
    """What the worker spends on one 12 MP photo besides the engine, on one core."""
    cv2.setNumThreads(1)
    data = camera_photo()
    if isinstance(photo := open_photo(data, Limits()), Refused):
        raise TypeError(photo.message)
    steps = {
        "open": least_ms(lambda: open_photo(data, Limits())),
        "lift_contrast": least_ms(lambda: lift_contrast(photo.small)),
        "sharpness": least_ms(lambda: sharpness(photo.small)),
    }
    # The JPEG's bits have to be walked even for the smallest picture: no worker can do with less.
    floor = least_ms(lambda: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8))
    total = round(sum(steps.values()), 1)
    return {"bytes": len(data), "ms": steps, "total_ms": total, "least_possible_decode_ms": floor, "target_ms": 40}


async def memory(photos: int = 300) -> dict[str, object]:
    """Resident memory of this process while it decodes photo after photo, in MB."""
    reader = Reader(ScriptedEngine(), OcrConfig(slots=2))
    data = camera_photo()
    marks = []
    for at in range(photos):
        await asyncio.gather(reader.read(data), reader.read(data))
        if at % (photos // 6) == 0:
            marks.append(round(psutil.Process().memory_info().rss / 1e6))
    await reader.aclose()
    return {"photos": 2 * photos, "rss_mb": marks}


@contextmanager
def child(*arguments: str, slots: int = 40) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run this file, or hangtag, as a process of its own; gives it and the URL it says it is ready on."""
    quiet = child_environment(ocr_slots=slots, log_level="warning")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=quiet) as process:
        try:
            yield process, process.stdout.readline().split()[-1] if process.stdout else ""
        finally:
            process.terminate()


def worker(*options: str, slots: int = 40) -> Any:
    """Start an OCR worker; 40 slots keep a vLLM of 32 busy."""
    serve = "from streams.cli.ocr import app; app()"
    return child(sys.executable, "-c", serve, "serve", "--port", "0", *options, slots=slots)


def stand_in(seconds: float) -> Any:
    """Start a stand-in for vLLM."""
    return child(sys.executable, "-P", __file__, "stand-in", "--seconds", str(seconds))


def serve_stand_in(seconds: float) -> None:
    """Be one."""
    config = uvicorn.Config(stand_in_app(StandIn(slots=SLOTS, seconds=seconds)), log_level="warning", access_log=False)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


async def http(rounds: int = 4, photos: int = 5) -> dict[str, object]:
    """A worker over HTTP against a bare loop of RapidOCR on one thread each, in turns."""
    bare = RapidOCR(params=_PARAMS)
    data = label((1024, 768), 72)

    def look(_: int) -> None:
        bare(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))

    def loop() -> None:
        with ThreadPoolExecutor(1) as threads:
            list(threads.map(look, range(photos)))

    def spent(*processes: psutil.Process) -> float:
        return time.perf_counter() if not processes else sum(sum(one.cpu_times()[:2]) for one in processes)

    rounds_taken = []
    with worker("--engine", "rapid", slots=1) as (process, url):
        everyone = (psutil.Process(), psutil.Process(process.pid))
        async with OcrPool([url], None, 120, 2) as pool:
            await pool.read(data)
            loop()
            for _ in range(rounds):
                marks = [(spent(), spent(*everyone))]
                await asyncio.to_thread(loop)
                marks.append((spent(), spent(*everyone)))
                await asyncio.gather(*(pool.read(data) for _ in range(photos)))
                marks.append((spent(), spent(*everyone)))
                rounds_taken.append([(a - b, c - d) for (a, c), (b, d) in zip(marks[1:], marks, strict=False)])
    return {
        "wall_ratio": round(statistics.median(bare[0] / served[0] for bare, served in rounds_taken), 3),
        # The client's too; neighbours on the same cores change the wall clock far more than this.
        "cpu_ratio": round(statistics.median(bare[1] / served[1] for bare, served in rounds_taken), 3),
        "target": 0.95,
    }


@asynccontextmanager
async def load(pool: OcrPool, clients: int, lost: list[str]) -> AsyncIterator[list[int]]:
    """Keep so many photos under way until the block ends, each retried as a stage would; counts those read."""
    read = [0]
    photos = {code: coded(code) for code in ((at * 2_654_435_761) % 2**32 for at in range(1, 65))}
    stopping = asyncio.Event()

    async def client(at: int) -> None:
        codes = list(photos)
        while not stopping.is_set():
            code = codes[at % len(codes)]
            at += clients
            outcome = await pool.read(photos[code])
            while isinstance(outcome, Later):
                await asyncio.sleep(outcome.retry_after or 0.1)
                outcome = await pool.read(photos[code])
            if not isinstance(outcome, Reading) or outcome.texts[0].text != f"photo {code:08x}":
                lost.append(type(outcome).__name__)
            read[0] += 1

    tasks = [asyncio.create_task(client(at)) for at in range(clients)]
    try:
        yield read
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def busy_share(urls: list[str], stand_ins: list[str], seconds: float, service_s: float) -> tuple[float, float]:
    """Load the workers; give the share of the stand-ins' slots kept busy, and photos per second."""
    lost: list[str] = []

    async def served(asker: httpx.AsyncClient) -> int:
        return sum([(await asker.get(f"{url}/stand-in")).json()["served"] for url in stand_ins])

    async with (
        OcrPool(urls, None, 60, 40 * len(urls)) as pool,
        httpx.AsyncClient(trust_env=False) as asker,
        load(pool, 40 * len(urls), lost),
    ):
        await asyncio.sleep(3 * service_s)
        before, started = await served(asker), time.perf_counter()
        await asyncio.sleep(seconds)
        after, taken = await served(asker), time.perf_counter() - started
    if lost:
        raise RuntimeError(f"lost or mixed up: {lost}")
    rate = (after - before) / taken
    return rate * service_s / (SLOTS * len(stand_ins)), rate


async def vllm(seconds: float = 12.0) -> dict[str, object]:
    """
    Pool and workers before stand-ins of 32 slots: slots kept busy at 1 s a photo, and what a second one brings.

    The second question is asked at 2 s a photo: five processes and 64 photos a second would measure two cores instead.
    """
    with stand_in(1.0) as (_, first), worker(*HUNYUAN, first) as (_, one):
        busy, rate = await busy_share([one], [first], seconds, 1.0)
    # At 2 s a photo: five processes and 64 photos a second would measure two cores instead.
    with (
        stand_in(2.0) as (_, first),
        stand_in(2.0) as (_, second),
        worker(*HUNYUAN, first) as (_, one),
        worker(*HUNYUAN, second) as (_, other),
    ):
        _, rate_one = await busy_share([one], [first], seconds, 2.0)
        busy_two, rate_two = await busy_share([one, other], [first, second], seconds, 2.0)
    return {
        "busy": round(busy, 3),
        "photos_per_s": round(rate, 1),
        "busy_two": round(busy_two, 3),
        "second_brings": round(rate_two / rate_one, 2),
        "targets": {"busy": 0.97, "second_brings": 1.9},
    }


async def failure() -> dict[str, object]:
    """One of two workers is killed under load: nothing may be lost or mixed up."""
    lost: list[str] = []
    with (
        stand_in(0.2) as (_, url),
        worker(*HUNYUAN, url) as (_, one),
        worker(*HUNYUAN, url) as (dying, other),
    ):
        async with OcrPool([one, other], None, 30, 40) as pool, load(pool, 40, lost) as read:
            await asyncio.sleep(3)
            before = read[0]
            dying.kill()
            await asyncio.sleep(5)
            states = {status.state for status in pool.status()}
    return {"read_before": before, "read_after": read[0] - before, "lost_or_mixed": len(lost), "states": sorted(states)}


def main() -> None:
    """Run what was asked for, or all of it."""
    parts: dict[str, Callable[[], Any]] = {part.__name__: part for part in (overhead, memory, http, vllm, failure)}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; default all")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    parser.add_argument("--seconds", type=float, default=1.0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.parts == ["stand-in"]:
        serve_stand_in(given.seconds)
        return
    results: dict[str, object] = {"cores": psutil.cpu_count()}
    for name in given.parts or parts:
        outcome = parts[name]()
        results[name] = asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
        print(json.dumps({name: results[name]}, ensure_ascii=False), flush=True)
    if given.out:
        given.out.write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
