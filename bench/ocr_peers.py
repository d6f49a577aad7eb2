"""
An OCR worker beside its peers, in one run: a bare loop of RapidOCR, and `rapidocr_api` from PyPI. Prints JSON.

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install rapidocr_api onnxruntime
    BENCH_RAPIDOCR_API=/tmp/peer/bin/rapidocr_api python bench/ocr_peers.py [bare|small|phone ...]

Contestants take turns, round by round, so that what else the machine does meets them alike. Without
BENCH_RAPIDOCR_API the bare loop is the only peer.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx
import numpy as np
import psutil

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be a file of it.
sys.path[:1] = [str(HERE / "contestants")]

from ocr_processes import child, label, worker  # noqa: E402 - found through the line above
from rapidocr import RapidOCR  # noqa: E402 - same

from ocr_worker.engines.rapid.models import PARAMS  # noqa: E402 - same

#: Callers at once.
CALLERS = 8
#: Photos for the peer from PyPI: a small picture, and one from a phone.
PHOTOS = {"small": lambda: label((1024, 768), 72), "phone": lambda: label((4032, 3024), 288)}
Ask = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class Contestant:
    """What reads photos, the processes that it takes, and how it did in each round."""

    name: str
    ask: Ask
    processes: Sequence[psutil.Process]
    photos_per_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)

    async def round(self, photo: bytes, callers: int, photos: int) -> None:
        """Read so many photos, so many at once."""
        left = iter(range(photos))
        cpu, started = self._cpu_s(), time.perf_counter()

        async def call() -> None:
            for _ in left:
                began = time.perf_counter()
                await self.ask(photo)
                self.latencies_s.append(time.perf_counter() - began)

        await asyncio.gather(*(call() for _ in range(callers)))
        self.photos_per_s.append(photos / (time.perf_counter() - started))
        self.cpu_s.append((self._cpu_s() - cpu) / photos)

    def _cpu_s(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def result(self) -> dict[str, float]:
        """Sum up all rounds."""
        ranked = sorted(self.latencies_s)
        return {
            "photos_per_s": round(statistics.median(self.photos_per_s), 2),
            "p50_ms": round(statistics.median(ranked) * 1000),
            "p99_ms": round(ranked[-(-len(ranked) * 99 // 100) - 1] * 1000),
            "cpu_s_per_photo": round(statistics.median(self.cpu_s), 3),
        }


def posted(client: httpx.AsyncClient, url: str, name: str) -> Ask:
    """Return a caller that posts a photo to `url` as the form field `name`."""

    async def ask(photo: bytes) -> None:
        answer = await client.post(f"{url}/ocr", files={name: ("photo.jpg", photo, "image/jpeg")})
        answer.raise_for_status()
        if "COTTON" not in answer.text:
            raise RuntimeError(f"{url} did not read the photo")

    return ask


def bare_loop(threads: int) -> Ask:
    """Return a caller of RapidOCR itself, with the worker's settings, on so many threads."""
    ocr = RapidOCR(params=PARAMS)
    pool = ThreadPoolExecutor(threads)

    def look(photo: bytes) -> None:
        ocr(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR))

    async def ask(photo: bytes) -> None:
        await asyncio.get_running_loop().run_in_executor(pool, look, photo)

    return ask


def rapidocr_api(command: str) -> AbstractContextManager[tuple[psutil.Popen, str]]:
    """Start the peer on a free port. It prints nothing to wait for."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = f'echo "http://127.0.0.1:{port}"; exec "{command}" -ip 127.0.0.1 -p {port} >/dev/null 2>&1'
    return child("/bin/sh", "-c", said)


async def awake(client: httpx.AsyncClient, url: str) -> None:
    """Wait until somebody answers there."""
    async with asyncio.timeout(120):
        while True:
            try:
                await client.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
            else:
                return


async def race(contestants: Sequence[Contestant], photo: bytes, rounds: int, photos: int, callers: int) -> None:
    """Let everyone read a photo to warm up, then take turns."""
    for one in contestants:
        await one.ask(photo)
    for at in range(rounds):
        for one in contestants if at % 2 else reversed(contestants):
            await one.round(photo, callers, photos)


async def against_bare_loop(threads: int, rounds: int) -> dict[str, object]:
    """A worker over HTTP against RapidOCR in this process, same threads, same photo."""
    cv2.setNumThreads(1)
    here = psutil.Process()
    async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
        with worker("rapid", threads) as (process, url):
            # What the client costs is the worker's: the bare loop needs none.
            served = Contestant("worker", posted(client, url, "image"), (process, here))
            bare = Contestant("bare", bare_loop(threads), (here,))
            await race((served, bare), label((1024, 768), 72), rounds, 8, threads + 1)
    pairs = list(zip(served.photos_per_s, bare.photos_per_s, strict=True))
    return {
        "worker": served.result(),
        "bare": bare.result(),
        "throughput": round(statistics.median(ours / theirs for ours, theirs in pairs), 3),
        "cpu": round(statistics.median(b / a for a, b in zip(served.cpu_s, bare.cpu_s, strict=True)), 3),
        "target": 0.95,
    }


async def against_rapidocr_api(command: str, slots: int, rounds: int, photo: bytes) -> dict[str, object]:
    """A worker against the peer from PyPI, as each comes, eight callers at once."""
    async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
        with worker("rapid", slots) as (process, url), rapidocr_api(command) as (peer, peer_url):
            await awake(client, peer_url)
            ours = Contestant("worker", posted(client, url, "image"), (process,))
            theirs = Contestant("rapidocr_api", posted(client, peer_url, "image_file"), (peer,))
            await race((ours, theirs), photo, rounds, 2 * CALLERS, CALLERS)
    pairs = list(zip(ours.photos_per_s, theirs.photos_per_s, strict=True))
    results = {one.name: one.result() for one in (ours, theirs)}
    return results | {
        "throughput": round(statistics.median(a / b for a, b in pairs), 2),
        "p99": round(results["worker"]["p99_ms"] / results["rapidocr_api"]["p99_ms"], 2),
        "targets": {"throughput": 1.0, "p99": 1.0},
    }


async def measure(parts: Sequence[str], rounds: int, slots: int) -> dict[str, object]:
    """Run the parts, one after another."""
    command = os.environ.get("BENCH_RAPIDOCR_API")  # noqa: TID251 - a switch of the bench
    results: dict[str, object] = {"cores": psutil.cpu_count()}
    for part in parts:
        load = psutil.getloadavg()[0]
        if part == "bare":
            results[part] = await against_bare_loop(slots, rounds)
        elif command:
            results[part] = await against_rapidocr_api(command, slots, rounds, PHOTOS[part]())
        print(json.dumps({part: results.get(part), "load_before": load}), flush=True)
    return results


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of bare, {', '.join(PHOTOS)}; default all")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--slots", type=int, default=psutil.cpu_count(), help="photos the worker reads at once")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    given = parser.parse_args()
    results = asyncio.run(measure(given.parts or ("bare", *PHOTOS), given.rounds, given.slots))
    if given.out:
        given.out.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
