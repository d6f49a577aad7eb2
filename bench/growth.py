"""
What commands cost as uploads grow, on a real Kafka: wall time, CPU and memory of each command at several sizes.

Uploads are put into the topics as the stages would leave them (tests/flow/growing.py), then indexed, then looked for.
Prints a table, writes bench/results/growth.json. `tests/flow/test_index.py` counts messages instead of seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(HERE.parent / "tests" / folder) for folder in ("kafka", "flow")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402 - after the path above
from growing import NAMES, grow, shopper_of, upload_of  # noqa: E402 - same

from streams.config.settings import child_environment  # noqa: E402 - same

#: Uploads of each shopper.
EACH = 8


def commands(uploads: int) -> dict[str, list[str]]:
    """Return the commands to measure, by name; their upload is in the middle of the topics."""
    middle = uploads // 2 + 3
    shopper = shopper_of(middle, uploads // EACH)
    return {
        "index rebuild": ["index", "rebuild"],
        "trace": ["trace", upload_of(middle), "--no-body"],
        "preview": ["klaviyo", "preview", upload_of(middle)],
        "forget --dry-run": ["forget", shopper, "--dry-run"],
        "retag --shopper": ["retag", "--shopper", shopper, "--dry-run"],
        "retag": ["retag", "--dry-run"],
    }


def measure(words: list[str], environment: dict[str, str]) -> dict[str, float | int]:
    """Run a command, and return its wall and CPU seconds, its largest memory in MB, and its exit code."""
    began = time.monotonic()
    command = [sys.executable, "-m", "streams", *words]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "wall_s": round(time.monotonic() - began, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "mb": round(used.ru_maxrss / 1000),
        "exit": process.returncode,
    }


def at(uploads: int, partitions: int, only: list[str] | None) -> dict[str, dict[str, float | int]]:
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
        print(f"{uploads} uploads in {time.monotonic() - began:.0f} s", flush=True)
        environment = child_environment(
            bootstrap_servers=cluster.bootstrap_servers,
            state_url=f"sqlite:///{folder}/state.db",
            klaviyo_url="http://127.0.0.1:9",
            store_url=f"file:{folder}/photos",
        )
        found = {}
        for name, words in commands(uploads).items():
            if only and name not in only:
                continue
            found[name] = measure(words, environment)
            print(uploads, name, found[name], flush=True)
        return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=commands(100), help="these commands; others need `index rebuild`")
    chosen = parser.parse_args()
    results = {uploads: at(uploads, chosen.partitions, chosen.only) for uploads in chosen.uploads}
    table = Table("command: CPU s / MB", *(f"{uploads:,} uploads" for uploads in results))
    for name in next(iter(results.values())):
        table.add_row(name, *(f"{found[name]['cpu_s']} / {found[name]['mb']}" for found in results.values()))
    Console().print(table)
    path = HERE / "results" / "growth.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
