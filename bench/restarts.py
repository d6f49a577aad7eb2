"""
How long uploads wait while one of three processes of a stage stops on SIGTERM and another takes its place.

For both group protocols, on a real Kafka of this machine: the longest time from an upload to its text, of shoppers
whose partition stays with its process, and of those whose partition moves. Prints the smallest, the middle and the
largest of all rounds, and writes each to bench/results/restarts.json.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(HERE.parent / "tests" / "kafka")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from traffic import StageProcess, hear, publish, uploads  # noqa: E402 - same

from schemas.topics import topics  # noqa: E402 - same
from streams.config.settings import Settings  # noqa: E402 - same
from streams.kafka.reader import follow  # noqa: E402 - same

PARTITIONS, PROCESSES = 12, 3
#: Seconds of traffic before the signal, and after it.
BEFORE_S, AFTER_S = 8, 15
FIGURES = ("usual_s", "before_s", "stayed_s", "moved_s")


def main() -> None:
    """Run both protocols and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-s", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with KafkaCluster(1) as cluster, tempfile.TemporaryDirectory() as folder:
        for at in range(2 * arguments.rounds):
            # In turn, so that both see the same load of the machine.
            protocol = ("classic", "consumer")[at % 2]
            found = asyncio.run(restart(cluster.bootstrap_servers, Path(folder), protocol, arguments.per_s))
            rows.append({"protocol": protocol} | found)
            print(rows[-1], file=sys.stderr, flush=True)
    table = Table("protocol", "usual wait, s", "longest before", "longest after, same process", "longest after, moved")
    for protocol in ("classic", "consumer"):
        mine = [row for row in rows if row["protocol"] == protocol]
        table.add_row(protocol, *(_spread(row[name] for row in mine) for name in FIGURES))
    Console().print(table)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "restarts.json").write_text(json.dumps(rows, indent=1) + "\n")


async def restart(bootstrap: str, folder: Path, protocol: str, per_s: float) -> dict[str, float]:
    """Stop one of the processes amid traffic, and start another."""
    prefix = f"bench-{uuid.uuid4().hex[:6]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(one.name, PARTITIONS) for one in topics(prefix).all()]).values():
        future.result()
    settings = Settings(
        bootstrap_servers=bootstrap, topic_prefix=prefix, group_prefix=prefix, kafka_group_protocol=protocol
    )
    these = uploads(int(per_s * (BEFORE_S + AFTER_S)), shoppers=600)
    with ExitStack() as stack:
        running = [StageProcess(settings, folder) for _ in range(PROCESSES)]
        for process in running:
            stack.callback(process.kill)
        await asyncio.to_thread(_await_all_assigned, running)
        feeding = asyncio.create_task(publish(settings, these, per_s=per_s))
        await asyncio.sleep(BEFORE_S)
        moved, signalled = set(_partitions(running[0])), time.time()
        stopping = asyncio.to_thread(running[0].stop)
        running.append(StageProcess(settings, folder))
        stack.callback(running[-1].kill)
        await stopping
        await feeding
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == len(these), limit_s=120)
        kept = {number for process in running[1:PROCESSES] for number in _partitions(process)} - moved
    return _waits(settings, signalled, moved, kept)


def _await_all_assigned(running: list[StageProcess]) -> None:
    give_up = time.monotonic() + 120
    # Each has its share: before that the group still moves partitions.
    while any(len(_partitions(process)) != PARTITIONS // PROCESSES for process in running):
        if time.monotonic() > give_up:
            raise TimeoutError("the group does not settle")
        time.sleep(0.2)


def _partitions(process: StageProcess) -> list[int]:
    """Read a process's partitions from its log."""
    found = re.findall(r"assigned .*partitions=\[([\d, ]*)\]", process.log.read_text(errors="replace"))
    return [int(number) for number in found[-1].split(",") if number.strip()] if found else []


def _waits(settings: Settings, signalled: float, moved: set[int], kept: set[int]) -> dict[str, float]:
    names = topics(settings.topic_prefix)
    came = {seen.upload_id: seen for seen in follow(settings, [names.uploads.name])}
    done: dict[str, float] = {}
    for seen in follow(settings, [names.texts.name]):
        done.setdefault(seen.upload_id, seen.timestamp)
    waits = [(one, done[one.upload_id] - one.timestamp) for one in came.values()]
    # From a second before the signal, since what was begun then waits for the end of the stop.
    after = [(one.partition, wait) for one, wait in waits if one.timestamp > signalled - 1]
    before = [wait for one, wait in waits if signalled - BEFORE_S / 2 < one.timestamp < signalled - 1]
    return {
        "usual_s": round(median(before), 3),
        "before_s": _longest(before),
        "stayed_s": _longest(wait for partition, wait in after if partition in kept),
        "moved_s": _longest(wait for partition, wait in after if partition in moved),
        "uploads": len(came),
    }


def _spread(figures: Iterable[float]) -> str:
    """Write the smallest, the middle and the largest of some figures."""
    found = sorted(figures)
    return f"{found[0]} / {median(found):.3g} / {found[-1]}"


def _longest(waits: Iterable[float]) -> float:
    return round(max(waits, default=float("nan")), 3)


if __name__ == "__main__":
    main()
