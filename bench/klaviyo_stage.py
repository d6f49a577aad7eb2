"""
How fast whole sync stages empty a backlog of tag events from a real Kafka into the sandbox, and how soon one event is
accepted when little comes.

Broker, sandbox and stages are separate processes on this machine, and the report shows the CPU of each. Prints a
report, writes bench/results/klaviyo_stage.json.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(HERE.parent), str(HERE.parent / "tests" / "kafka")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above

from schemas.codec import decode, encode  # noqa: E402 - same
from schemas.events import OutfitTagged, ProfileSynced  # noqa: E402 - same
from schemas.topics import topics  # noqa: E402 - same
from streams.config.settings import child_environment  # noqa: E402 - same

sys.path.append(str(HERE))
from klaviyo import BULK_CEILING, KEY, TAGS, backlog, counters, outfit, sandbox  # noqa: E402 - bench/klaviyo.py

PARTITIONS = 8
#: Seconds that a run may take.
LIMIT_S = 400


class Topics:
    """Fresh topics; what goes in and what comes out."""

    def __init__(self, bootstrap: str) -> None:
        self.prefix, self.bootstrap = f"bench-{uuid.uuid4().hex[:6]}", bootstrap
        self.names = topics(self.prefix)
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in self._admin.create_topics([NewTopic(one.name, PARTITIONS) for one in self.names.all()]).values():
            future.result()
        reach: dict[str, str | int] = {"bootstrap.servers": bootstrap, "log_level": 2}
        self.producer = Producer(reach | {"partitioner": "murmur2_random", "linger.ms": 1})
        self._group = Consumer(reach | {"group.id": f"{self.prefix}.sync"})
        self.consumer = Consumer(reach | {"group.id": self.prefix, "auto.offset.reset": "earliest"})

    def publish(self, event: OutfitTagged) -> None:
        """Publish a tag event."""
        value, headers = encode(event, source="bench")
        self.producer.produce(self.names.tags.name, value, event.shopper_id.encode(), headers=headers)
        self.producer.poll(0)

    def done(self) -> int:
        """Count the events that the stages have finished, as they committed it."""
        places = [TopicPartition(self.names.tags.name, number) for number in range(PARTITIONS)]
        return sum(max(0, place.offset) for place in self._group.committed(places, timeout=10))

    def members(self) -> int:
        """Count the stages that have joined, once all have their partitions."""
        group = f"{self.prefix}.sync"
        try:
            found = self._admin.describe_consumer_groups([group])[group].result()
        except KafkaException:
            # Its coordinator is still loading.
            return 0
        return len(found.members) if found.state == ConsumerGroupState.STABLE else 0

    def synced(self, count: int) -> list[ProfileSynced]:
        """Read that many answers."""
        self.consumer.subscribe([self.names.profiles.name])
        found: list[ProfileSynced] = []
        until = time.monotonic() + 60
        while len(found) < count and time.monotonic() < until:
            message = self.consumer.poll(1)
            if message is not None and message.error() is None:
                found.append(decode(ProfileSynced, message.value()))
        return found


@contextmanager
def stages(count: int, lane: Topics, url: str, folder: str) -> Iterator[list[psutil.Process]]:
    """Run sync stages as an operator would; they commit more often, so that `done` is exact."""
    environment = child_environment(
        bootstrap_servers=lane.bootstrap,
        topic_prefix=lane.prefix,
        group_prefix=lane.prefix,
        klaviyo_url=url,
        klaviyo_key=KEY,
        state_url=f"sqlite:///{folder}/{lane.prefix}.db",
        log_level="error",
        commit_interval_s=0.25,
    )
    command = [sys.executable, "-P", "-m", "streams", "worker", "sync"]
    started = [subprocess.Popen(command, env=environment, cwd=HERE.parent) for _ in range(count)]
    try:
        yield [psutil.Process(one.pid) for one in started]
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait()


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Tell the seconds of CPU that processes have had."""
    return sum(sum(one.cpu_times()[:2]) for one in processes)


def the_sandbox() -> psutil.Process:
    """Find the sandbox among this process's children."""
    return next(one for one in psutil.Process().children(recursive=True) if "sandbox" in one.cmdline())


def empty(cluster: KafkaCluster, events: list[OutfitTagged], processes: int, speed: float) -> dict[str, object]:
    """Empty a backlog; from the first answer to the last."""
    lane = Topics(cluster.bootstrap_servers)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(sandbox(speed))
        parts = {"sandbox": [the_sandbox()], "broker": [psutil.Process(cluster.pid(1))]}
        parts["sync"] = stack.enter_context(stages(processes, lane, url, folder))
        # Joining pauses those that are there; an operator's stages have joined before a backlog comes.
        while lane.members() < processes:
            time.sleep(0.5)
        for event in events:
            lane.publish(event)
        lane.producer.flush()
        began = time.monotonic()
        while (first := lane.done()) == 0:
            assert time.monotonic() - began < LIMIT_S, "nothing came out"  # noqa: S101 - a benchmark
            time.sleep(0.02)
        before, started = {name: cpu_s(those) for name, those in parts.items()}, time.monotonic()
        psutil.cpu_percent()
        while (last := lane.done()) < len(events):
            assert time.monotonic() - started < LIMIT_S, f"{last} came out"  # noqa: S101 - a benchmark
            time.sleep(0.05)
        seconds, machine = time.monotonic() - started, psutil.cpu_percent()
        spent = {name: cpu_s(those) - before[name] for name, those in parts.items()}
        answered = asyncio.run(counters(url))
    per_s = (last - first) / seconds
    ours_share = sum(spent.values()) / seconds / (psutil.cpu_count() or 1) * 100
    return {
        "processes": processes,
        "per_s": round(per_s),
        "share_of_bulk_ceiling": round(per_s / (BULK_CEILING * speed), 2),
        "cpu_ms_per_event": {name: round(cpu / (last - first) * 1000, 3) for name, cpu in spent.items()},
        "cpu_percent": {"machine": machine, "of it ours": round(ours_share, 1)},
        # The rate that these costs allow on idle cores without waiting.
        "per_s_at_most": round((psutil.cpu_count() or 1) * (last - first) / sum(spent.values())),
        "answers": answered,
        "lost": len(events) - answered["events"],
    }


def trickle(cluster: KafkaCluster, seconds: float) -> dict[str, float]:
    """Publish 5 events a second; milliseconds from there until Klaviyo has accepted each."""
    lane, chance, count = Topics(cluster.bootstrap_servers), random.Random(1), int(seconds * 5)
    with tempfile.TemporaryDirectory() as folder, sandbox(1) as url, stages(1, lane, url, folder):
        for number in range(count + 1):
            lane.publish(outfit(f"t{number}", f"trickle-{number % 7}", datetime.now(UTC), chance.sample(TAGS, 4)))
            lane.producer.flush()
            # The first one waits for the stage to have started.
            while number == 0 and lane.done() == 0:
                time.sleep(0.1)
            time.sleep(0.2)
        took = [
            (one.synced_at - one.uploaded_at).total_seconds() * 1000
            for one in lane.synced(count + 1)
            if one.upload_id != "t0"
        ]
    assert len(took) == count, f"{len(took)} of {count} came out"  # noqa: S101 - a benchmark
    return {"p50_ms": round(statistics.median(took)), "p95_ms": round(statistics.quantiles(took, n=20)[18])}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=60_000)
    parser.add_argument("--shoppers", type=int, default=20_000)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--trickle-s", type=float, default=20)
    parser.add_argument("--speed", type=float, default=1, help="factor on the published limits")
    wanted = parser.parse_args()
    events = backlog(wanted.uploads, wanted.shoppers, seed=7)
    with KafkaCluster(1) as cluster:
        report = {
            "backlog": [empty(cluster, events, processes, wanted.speed) for processes in wanted.processes],
            "trickle": trickle(cluster, wanted.trickle_s) if wanted.trickle_s else None,
        }
    text = json.dumps(report, indent=2)
    print(text)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "klaviyo_stage.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
