"""
Sets this version's OCR worker beside another version's: both read the same good photos in turn. Prints JSON.

    python -P bench/ocr_versions.py OTHER_PYTHON [--engine rapid] [--photos label|phone|camera|samples] [--rounds 7]

OTHER_PYTHON is the interpreter of an environment in which the other version is installed. Ratios are this version's
photos per second of the other's: above 1 this one is quicker. CPU is the steadier measure on shared cores.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be a file of it.
sys.path[:1] = [str(HERE / "contestants")]

from ocr_processes import camera_photo, child, label  # noqa: E402 - found through the line above

from streams.config.settings import child_environment  # noqa: E402 - same

SLOTS = 2
SAMPLES = ("care-label-en.jpg", "hang-tag-zh.jpg", "coat-4000px.jpg", "skirt-tag.webp", "poster-summer.jpg")
SERVE = "from streams.cli.ocr.group import app; app()"


def photos_of(kind: str) -> list[bytes]:
    """Make or read the photos of one round."""
    match kind:
        case "label":
            return [label((1024, 768), 60)] * 12
        case "phone":
            return [label((4032, 3024), 240)] * 8
        case "camera":
            return [camera_photo()] * 40
        case _:
            return [(HERE.parent / "samples" / "photos" / name).read_bytes() for name in SAMPLES]


async def read_all(process: psutil.Popen, url: str, photos: list[bytes]) -> tuple[float, float]:
    """Send the photos, as many at once as the worker has slots; returns CPU seconds and seconds."""
    waiting = list(photos)
    cpu, started = sum(process.cpu_times()[:2]), time.monotonic()

    async def send(http: httpx.AsyncClient) -> None:
        while waiting:
            (await http.post(f"{url}/ocr", files={"image": waiting.pop()})).raise_for_status()

    async with httpx.AsyncClient(timeout=300, trust_env=False) as http:
        await asyncio.gather(*(send(http) for _ in range(SLOTS)))
    return sum(process.cpu_times()[:2]) - cpu, time.monotonic() - started


async def ready(url: str) -> None:
    """Wait until a worker has read its first photo."""
    async with httpx.AsyncClient(timeout=300, trust_env=False) as http:
        for _ in range(600):
            if (await http.get(f"{url}/readyz")).status_code == httpx.codes.OK:
                return
            await asyncio.sleep(0.2)
    raise TimeoutError(f"{url} does not get ready")


async def compare(other: str, engine: str, photos: list[bytes], rounds: int) -> dict[str, object]:
    """Have both read the photos, round after round, each being first in every second one."""
    environment = child_environment(ocr_engine=engine, ocr_slots=SLOTS, log_level="warning")
    with ExitStack() as stack:
        both = [
            stack.enter_context(child(python, "-P", "-c", SERVE, "serve", "--port", "0", environment=environment))
            for python in (sys.executable, other)
        ]
        for process, url in both:
            await ready(url)
            # The first round fetches what only the first photos need.
            await read_all(process, url, photos)
        ratios = []
        for at in range(rounds):
            taken = {}
            for which in (0, 1) if at % 2 else (1, 0):
                taken[which] = await read_all(*both[which], photos)
            ratios.append([theirs / ours for ours, theirs in zip(taken[0], taken[1], strict=True)])
    cpu, wall = zip(*ratios, strict=True)
    return {
        name: {"median": round(statistics.median(of), 2), "least": round(min(of), 2), "most": round(max(of), 2)}
        for name, of in (("cpu", cpu), ("wall", wall))
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other")
    parser.add_argument("--engine", default="rapid")
    parser.add_argument("--photos", default="label", choices=["label", "phone", "camera", "samples"])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(compare(given.other, given.engine, photos_of(given.photos), given.rounds)), indent=2))
