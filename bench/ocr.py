"""
How much of an OCR worker's time is not the engine's, and whether many workers act as one. Prints JSON.

    python bench/ocr.py [overhead|memory|vllm|failure|reading ...] [--photos FOLDER ...] [--out FILE]

Starts its own workers and stand-in servers, and stops them. bench/ocr_peers.py sets a worker beside its peers.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psutil

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be a file of it.
sys.path[:1] = [str(HERE / "contestants")]

from ocr_processes import (  # noqa: E402 - found through the line above
    SLOTS,
    camera_photo,
    coded,
    reader_before,
    stand_in,
    worker,
)

from ocr_worker.config import OcrConfig  # noqa: E402 - same
from ocr_worker.engines.scripted import ScriptedEngine  # noqa: E402 - same
from ocr_worker.images.contrast import lift_contrast  # noqa: E402 - same
from ocr_worker.images.decode import Limits, open_photo  # noqa: E402 - same
from ocr_worker.images.quality import sharpness  # noqa: E402 - same
from ocr_worker.pool.pool import OcrPool  # noqa: E402 - same
from ocr_worker.reader import Reader  # noqa: E402 - same
from ocr_worker.result import Reading, Refused  # noqa: E402 - same
from ocr_worker.server.heap import keep_freed_memory  # noqa: E402 - same
from schemas.outcomes import Later  # noqa: E402 - same

SAMPLES = HERE.parent / "samples" / "photos"
#: Photos after which the memory is looked at.
MARKS = (100, 500, 1000, 2000)


def least_ms(steps: dict[str, Callable[[], object]], times: int = 40) -> dict[str, float]:
    """CPU milliseconds of this thread, the least of several runs in turn: others share the machine."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(times):
        for name, work in steps.items():
            started = time.thread_time()
            work()
            taken[name].append(time.thread_time() - started)
    return {name: round(min(times) * 1000, 1) for name, times in taken.items()}


async def served_ms(photo: bytes, rounds: int = 6, photos: int = 10) -> float:
    """CPU milliseconds, the kernel's among them, of a worker that has an engine of no cost, the least of the rounds."""
    taken = []
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        with worker("scripted", 1) as (process, url):
            for _ in range(rounds + 1):
                before = sum(process.cpu_times()[:2])
                for _ in range(photos):
                    (await client.post(f"{url}/ocr", files={"image": photo})).raise_for_status()
                taken.append(sum(process.cpu_times()[:2]) - before)
    # The first round fetched what only the first photo needs.
    return round(min(taken[1:]) / photos * 1000, 1)


async def overhead() -> dict[str, object]:
    """What the worker spends on one 12 MP photo besides the engine: by step, and as a process that is sent it."""
    cv2.setNumThreads(1)
    keep_freed_memory()
    return {f"quality {quality}": await _overhead(camera_photo(quality)) for quality in (60, 80)}


async def _overhead(data: bytes) -> dict[str, object]:
    if isinstance(photo := open_photo(data, Limits()), Refused):
        raise TypeError(photo.message)
    steps = {
        "open": lambda: open_photo(data, Limits()),
        "lift_contrast": lambda: lift_contrast(photo.small),
        "sharpness": lambda: sharpness(photo.small),
    }
    # The JPEG's bits have to be walked even for the smallest picture: no worker can do with less.
    floor = {"floor": lambda: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)}
    least = least_ms(steps | floor)
    return {
        "bytes": len(data),
        "ms": {name: least[name] for name in steps},
        "total_ms": round(sum(least[name] for name in steps), 1),
        "least_possible_decode_ms": least["floor"],
        "target_ms": 40,
        "process_over_http_ms": await served_ms(data),
    }


async def memory() -> dict[str, object]:
    """
    Resident memory of this process in MB while it decodes photo after photo, two at a time.

    Photos of 12 MP take turns with the samples, so that sizes and formats change all the time.
    """
    keep_freed_memory()
    reader = Reader(ScriptedEngine(), OcrConfig(slots=2))
    samples = [path.read_bytes() for path in sorted(SAMPLES.iterdir())]
    photos = itertools.cycle(
        itertools.chain.from_iterable((one, camera) for camera in (camera_photo(),) for one in samples)
    )
    process = psutil.Process()
    rss: dict[int, int] = {}
    for done in range(2, MARKS[-1] + 1, 2):
        await asyncio.gather(reader.read(next(photos)), reader.read(next(photos)))
        if done in MARKS:
            rss[done] = round(process.memory_info().rss / 1e6)
    await reader.aclose()
    return {"rss_mb_after": rss}


async def reading(photos: list[bytes]) -> dict[str, object]:
    """
    Resident memory in MB of a worker of two slots that reads photo after photo with RapidOCR, three callers at once.

    One of 12 MP is among the photos.
    """
    endless = itertools.cycle([camera_photo(), *photos])
    rss: dict[int, int] = {}
    done = itertools.count(1)
    with worker("rapid", 2) as (process, url):

        async def caller(pool: OcrPool) -> None:
            for number in done:
                if number > MARKS[-1]:
                    return
                await pool.read(next(endless))
                if number in MARKS:
                    rss[number] = round(process.memory_info().rss / 1e6)

        async with OcrPool([url], None, 300, 3) as pool:
            await asyncio.gather(*(caller(pool) for _ in range(3)))
    return {"photos": len(photos) + 1, "rss_mb_after": rss}


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
    """Load the workers; return the share of the stand-ins' busy slots, and photos per second."""
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

    The second measurement uses 2 s per photo, because five processes at 64 photos a second would measure two cores.
    """
    with stand_in(1.0) as (_, first), reader_before(first) as (_, one):
        busy, rate = await busy_share([one], [first], seconds, 1.0)
    # At 2 s a photo: five processes and 64 photos a second would measure two cores instead.
    with (
        stand_in(2.0) as (_, first),
        stand_in(2.0) as (_, second),
        reader_before(first) as (_, one),
        reader_before(second) as (_, other),
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
    """A model server, then a worker, is killed under load: nothing may be lost or mixed up."""
    return {"model_server": await killed(worker_dies=False), "worker": await killed(worker_dies=True)}


async def killed(*, worker_dies: bool) -> dict[str, object]:
    """Two workers before a model server each; a worker or a model server is killed after three seconds."""
    lost: list[str] = []
    with ExitStack() as running:
        servers = [running.enter_context(stand_in(0.2)) for _ in range(2)]
        workers = [running.enter_context(reader_before(url)) for _, url in servers]
        async with OcrPool([url for _, url in workers], None, 30, 40) as pool, load(pool, 40, lost) as read:
            await asyncio.sleep(3)
            before = read[0]
            (workers if worker_dies else servers)[1][0].kill()
            await asyncio.sleep(6)
            states = sorted(status.state for status in pool.status())
            after = read[0] - before
    return {"read_before": before, "read_after": after, "lost_or_mixed": len(lost), "states": states}


def main() -> None:
    """Run the named measurements, or all."""
    parts: dict[str, Callable[[], Any]] = {part.__name__: part for part in (overhead, memory, vllm, failure)}
    parts["reading"] = lambda: reading(
        [path.read_bytes() for folder in given.photos for path in sorted(folder.iterdir())]
    )
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; default all")
    parser.add_argument("--photos", type=Path, nargs="*", default=[SAMPLES], help="folders of photos for `reading`")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    given = parser.parse_args()
    results: dict[str, object] = {"cores": psutil.cpu_count()}
    for name in given.parts or parts:
        outcome = parts[name]()
        results[name] = asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
        results[f"{name}_load_1m"] = psutil.getloadavg()[0]
        print(json.dumps({name: results[name]}, ensure_ascii=False), flush=True)
    if given.out:
        given.out.write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
