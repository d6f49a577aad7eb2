"""
How fast a stage is, beside its peers, in one run on a real Kafka of this machine.

Every contestant does the same job (bench/contestants/job.py) on the same messages, and commits only
what was delivered. Prints a table, writes bench/results/streams.json. Quix Streams takes part when
BENCH_QUIX_PYTHON names a Python that has it.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "kafka"))

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from confluent_kafka import Consumer, TopicPartition  # noqa: E402 - same
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402 - same
from traffic import publish, uploads  # noqa: E402 - same

from schemas.topics import topics  # noqa: E402 - same
from streams.settings import Settings  # noqa: E402 - same

PARTITIONS = 4


class Lane:
    """A fresh set of topics with messages in it."""

    def __init__(self, bootstrap: str, count: int) -> None:
        self.prefix, self.bootstrap, self.count = f"bench-{uuid.uuid4().hex[:6]}", bootstrap, count
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in admin.create_topics(
            [NewTopic(one.name, PARTITIONS) for one in topics(self.prefix).all()]
        ).values():
            future.result()
        settings = Settings(bootstrap_servers=bootstrap, topic_prefix=self.prefix)
        asyncio.run(publish(settings, uploads(count, shoppers=2000)))
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})

    def done(self) -> int:
        """Count the messages that came out."""
        target = topics(self.prefix).texts.name
        places = [TopicPartition(target, number) for number in range(PARTITIONS)]
        return sum(self._consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)


def race(name: str, command: list[str], lane: Lane, *, limit_s: float = 300) -> dict[str, float | str]:
    """Run one contestant over a lane and measure from its first to its last message."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE / "contestants")
    try:
        watched = psutil.Process(process.pid)
        began = time.monotonic()
        while (first := lane.done()) == 0:
            if time.monotonic() - began > limit_s or process.poll() is not None:
                return {"name": name, "error": "nothing came out"}
            time.sleep(0.02)
        t0, cpu0, rss0 = time.monotonic(), sum(watched.cpu_times()[:2]), watched.memory_info().rss
        while (last := lane.done()) < lane.count and time.monotonic() - t0 < limit_s:
            time.sleep(0.05)
        wall, cpu = time.monotonic() - t0, sum(watched.cpu_times()[:2]) - cpu0
        moved = last - first
        return {
            "name": name,
            "events_per_s": round(moved / wall, 1),
            "cpu_ms_per_event": round(cpu / moved * 1000, 3),
            "cpu_share": round(cpu / wall, 2),
            "rss_first_mb": round(rss0 / 1e6, 1),
            "rss_last_mb": round(watched.memory_info().rss / 1e6, 1),
        }
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Run every contestant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    python = dict.fromkeys(("ours", "faust_plain", "aiokafka_batch", "confluent_batch"), sys.executable)
    if quix := os.environ.get("BENCH_QUIX_PYTHON"):  # noqa: TID251 - a switch of the bench
        python["quix"] = quix
    rows = []
    with KafkaCluster(1) as cluster:
        for round_number in range(arguments.rounds):
            for name, executable in python.items():
                lane = Lane(cluster.bootstrap_servers, arguments.events)
                names = topics(lane.prefix)
                command = [executable, f"{name}.py", lane.bootstrap, names.uploads.name, names.texts.name, lane.prefix]
                rows.append(race(name, command, lane) | {"round": round_number + 1})
    table = Table("contestant", "round", "events/s", "CPU ms/event", "CPU share", "against plain Faust", "RSS MB")
    for row in rows:
        if "error" in row:
            table.add_row(str(row["name"]), str(row["round"]), str(row["error"]))
            continue
        plain = next(one for one in rows if one["name"] == "faust_plain" and one["round"] == row["round"])
        row["ratio"] = round(float(row["events_per_s"]) / float(plain.get("events_per_s", "nan")), 2)
        cells = [row[key] for key in ("name", "round", "events_per_s", "cpu_ms_per_event", "cpu_share", "ratio")]
        table.add_row(*map(str, cells), f"{row['rss_first_mb']} -> {row['rss_last_mb']}")
    Console().print(table)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "streams.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
