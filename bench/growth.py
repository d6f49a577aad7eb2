"""
What commands cost as uploads grow, on a real Kafka: wall time, CPU, memory and messages read at several sizes.

The bench writes uploads into the topics as the stages would (tests/flow/growing.py), builds the index, and runs each
command. Photos are files of one byte; a sweep must delete a hundred of them. The bench requests the status of 10,000
uploads from the gateway and compares it. It prints a table, and writes bench/results/growth.json.
`tests/flow/test_index.py` counts messages instead of seconds.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(HERE.parent / "tests" / folder) for folder in ("kafka", "flow")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402 - after the path above
from growing import BAD_PHOTO, DEAD, NAMES, NO_TAGS, grow, shopper_of, upload_of  # noqa: E402 - same

from streams.config.settings import child_environment  # noqa: E402 - same

#: Uploads of each shopper; dead letters are one of twenty.
EACH, LETTERS_OF = 8, 20
#: Photos that a sweep deletes, and days of the others.
DUE, DAYS = 100, 6
GATEWAY = "gateway start"
#: Statuses to request from the gateway, and how many requests run at once.
REQUESTS, AT_ONCE = 10_000, 20
#: Step, whether it is final, and whether it has feedback, a failure and tags, by the kind of upload.
STATUSES = {
    BAD_PHOTO: ("uploaded", True, True, False, False),
    NO_TAGS: ("recognized", False, False, False, False),
    DEAD: ("uploaded", True, False, True, False),
}
#: Runs `hangtag`, and writes the number of messages that it parsed to the file that comes first.
COUNTED = """
import atexit, runpy, sys
from pathlib import Path
from streams.kafka import backwards, places, reader

path, read = Path(sys.argv.pop(1)), [0]
def count(module, take):
    def counted(*message):
        read[0] += 1
        return take(*message)
    module.seen_of = counted
for module in (backwards, places, reader):
    count(module, module.seen_of)
atexit.register(lambda: path.write_text(str(read[0])))
runpy.run_module("streams", run_name="__main__", alter_sys=True)
"""
Found = dict[str, float | int]


def commands(uploads: int, partitions: int) -> dict[str, list[str]]:
    """Return the commands to measure, by name; their upload is in the middle of the topics."""
    middle = uploads // 2 + 3
    shopper = shopper_of(middle, uploads // EACH)
    letter = f"{NAMES.uploads_dlq.name}:0:{uploads // LETTERS_OF // partitions // 2}"
    return {
        "index rebuild": ["index", "rebuild"],
        "trace": ["trace", upload_of(middle), "--no-body"],
        "preview": ["klaviyo", "preview", upload_of(middle)],
        "forget --dry-run": ["forget", shopper, "--dry-run"],
        "retag --shopper": ["retag", "--shopper", shopper, "--dry-run"],
        "retag": ["retag", "--dry-run"],
        GATEWAY: ["gateway", "--port", "0"],
        "dlq show": ["dlq", "show", letter],
        "dlq list --limit 20": ["dlq", "list", "--limit", "20"],
        "dlq list": ["dlq", "list", "--json"],
        "dlq replay --limit 20": ["dlq", "replay", "--limit", "20", "--dry-run"],
        "dlq replay": ["dlq", "replay", "--dry-run"],
        "retention sweep": ["retention", "sweep"],
        "retention sweep --all": ["retention", "sweep", "--all"],
    }


def measure(words: list[str], environment: dict[str, str], folder: Path) -> Found:
    """Run a command; return its wall and CPU seconds, its most memory in MB, messages read and its exit code."""
    read = folder / "read"
    read.unlink(missing_ok=True)
    began = time.monotonic()
    command = [sys.executable, "-c", COUNTED, str(read), *words]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    return ended(process, wall_s=lambda: time.monotonic() - began) | {
        "read": int(read.read_text()) if read.exists() else 0
    }


def ended(process: subprocess.Popen, *, wall_s: Callable[[], float]) -> Found:
    """Wait for a process to end. Return its wall and CPU seconds, its most memory in MB, and its exit code."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "wall_s": round(wall_s(), 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "mb": round(used.ru_maxrss / 1000),
        "exit": process.returncode,
    }


def measure_gateway(words: list[str], environment: dict[str, str], uploads: int) -> Found:
    """Start a gateway. Return the seconds until it is ready, and the number of wrong statuses that it returns."""
    began = time.monotonic()
    command = [sys.executable, "-m", "streams", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        line = next(one for one in process.stdout if "listening on" in one)
        with httpx.Client(base_url=line.split()[-1], timeout=30) as http:
            while http.get("/readyz").status_code != 200:
                time.sleep(0.02)
        ready_s = time.monotonic() - began
        wrong = asyncio.run(wrong_statuses(line.split()[-1], range(0, uploads, max(1, uploads // REQUESTS))))
        process.terminate()
        return ended(process, wall_s=lambda: ready_s) | {"wrong": wrong}


async def wrong_statuses(url: str, numbers: Iterable[int]) -> int:
    """Request the statuses of uploads from a gateway, and return how many are wrong."""
    left = iter(numbers)

    async def ask(http: httpx.AsyncClient) -> int:
        wrong = 0
        for number in left:
            answer = await http.get(f"/uploads/{upload_of(number)}")
            told = answer.json() if answer.status_code == 200 else {}
            found = tuple(told.get(name) for name in ("step", "final", "feedback", "failure", "tags"))
            wanted = STATUSES.get(number % 20, ("synced", True, False, False, True))
            wrong += not told or (*found[:2], *map(bool, found[2:])) != wanted
        return wrong

    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        return sum(await asyncio.gather(*(ask(http) for _ in range(AT_ONCE))))


def store_photos(folder: Path, uploads: int) -> None:
    """Write a file for each upload, as the photo store names them."""
    now = datetime.now(UTC)
    for number in range(uploads):
        at = now - timedelta(days=8 if number < DUE else number % DAYS)
        shopper = folder / "uploads" / "by.day" / f"{at:%Y-%m-%d}" / shopper_of(number, uploads // EACH)
        shopper.mkdir(parents=True, exist_ok=True)
        photo = shopper / f"{upload_of(number)}.jpg"
        photo.write_bytes(b"x")
        os.utime(photo, (at.timestamp(), at.timestamp()))


def at(uploads: int, partitions: int, only: list[str] | None) -> dict[str, Found]:
    """Measure every command with so many uploads."""
    with KafkaCluster(1) as cluster, tempfile.TemporaryDirectory() as folder:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        made = admin.create_topics([NewTopic(topic.name, partitions, 1) for topic in NAMES.all()])
        for done in made.values():
            done.result()
        began = time.monotonic()
        # In a process of its own: the memory of this one would count as that of the commands it starts.
        wanted = {"uploads": uploads, "shoppers": uploads // EACH}
        growing = get_context("spawn").Process(target=grow, args=(cluster.bootstrap_servers,), kwargs=wanted)
        growing.start()
        growing.join()
        photos = Path(folder) / "photos"
        if only is None or any(name.startswith("retention") for name in only):
            store_photos(photos, uploads)
        print(f"{uploads} uploads in {time.monotonic() - began:.0f} s", flush=True)
        environment = child_environment(
            bootstrap_servers=cluster.bootstrap_servers,
            state_url=f"sqlite:///{folder}/state.db",
            klaviyo_url="http://127.0.0.1:9",
            store_url=f"file:{photos}",
        )
        found = {}
        for name, words in commands(uploads, partitions).items():
            if only and name not in only:
                continue
            if name == GATEWAY:
                found[name] = measure_gateway(words, environment, uploads)
            else:
                found[name] = measure(words, environment, Path(folder))
            print(uploads, name, found[name], flush=True)
        return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--partitions", type=int, default=12)
    only = parser.add_argument("--only", nargs="+", help="these commands; others need `index rebuild`")
    only.choices = commands(100, 1)
    chosen = parser.parse_args()
    results = {uploads: at(uploads, chosen.partitions, chosen.only) for uploads in chosen.uploads}
    table = Table("wall s / CPU s / MB / messages", *(f"{uploads:,} uploads" for uploads in results))
    for name in next(iter(results.values())):
        every = [found[name] for found in results.values()]
        table.add_row(
            name, *(f"{one['wall_s']} / {one['cpu_s']} / {one['mb']} / {one.get('read', '–')}" for one in every)
        )
    Console().print(table)
    path = HERE / "results" / "growth.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
