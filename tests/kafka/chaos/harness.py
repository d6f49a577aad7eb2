"""
Chaos: workers and brokers come and go while uploads flow; the verdict is read from the topics.

Brokers restart and freeze, logs are cut, foreign records arrive (faults.py), with transactions if wanted (feeding.py).

Seeded: the same seed plans the same actions at the same moments. `python harness.py --help` runs it
by hand; `make chaos` is the long run, tests/kafka/test_chaos.py the short one.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cluster import KafkaCluster
from confluent_kafka.admin import AdminClient, NewTopic
from faults import freeze, restart, send_foreign, truncate
from feeding import feed
from traffic import StageProcess, uploads
from verdict import Published, Verdict, ends_of_uploads, judge, uncommitted

from schemas.topics import topics
from streams.config.settings import Settings

#: Kafka's own share of each action in a plan; brokers are touched by name below.
WORKER_ACTIONS = ("kill", "kill", "kill", "kill", "term", "freeze", "join", "leave")


@dataclass(frozen=True)
class Plan:
    """What happens. All times in seconds."""

    uploads: int = 2000
    per_s: float = 60
    shoppers: int = 200
    partitions: int = 6
    workers: int = 3
    brokers: int = 1
    mean_ms: float = 50
    #: Actions on workers, one every so many seconds.
    actions: int = 8
    every_s: float = 3.5
    #: So many times during the actions.
    broker_restarts: int = 1
    broker_freezes: int = 0
    foreign: int = 0
    #: One broker only: with replicas nothing is lost by a power cut.
    truncations: int = 0
    #: Each upload in a transaction of its own; some transactions are aborted.
    transactions: bool = False
    #: Only SIGTERM and start again: what must not even duplicate.
    rolling_only: bool = False
    seed: int = 1


class Workers:
    """The worker processes, and what became of those that ended."""

    def __init__(self, settings: Settings, folder: Path, mean_ms: float) -> None:
        self.settings, self.folder, self.mean_ms = settings, folder, mean_ms
        self.running: list[StageProcess] = []
        self.exits: Counter[str] = Counter()
        self.logs: list[Path] = []

    def start(self) -> StageProcess:
        worker = StageProcess(self.settings, self.folder, mean_ms=self.mean_ms)
        self.running.append(worker)
        self.logs.append(worker.log)
        return worker

    def replace_ended(self) -> None:
        """Start a worker for each that ended by itself, as a supervisor would."""
        for worker in [one for one in self.running if one.process.poll() is not None]:
            self.running.remove(worker)
            self.exits[f"by itself {worker.process.returncode}"] += 1
            print(f"          ended by itself: {worker.log.read_text(errors='replace')[-400:]}", file=sys.stderr)
            self.start()

    async def end(self, worker: StageProcess, number: signal.Signals) -> None:
        self.running.remove(worker)
        worker.send(number)
        code = await asyncio.to_thread(worker.process.wait, 60)
        self.exits[f"{number.name} {code}"] += 1

    @property
    def rebalances(self) -> int:
        return sum(log.read_text(errors="replace").count("assigned ") for log in self.logs)


async def run(plan: Plan, cluster: KafkaCluster, folder: Path) -> Verdict:
    """Run a plan and judge it."""
    prefix = f"chaos-{uuid.uuid4().hex[:8]}"
    settings = Settings(
        bootstrap_servers=cluster.bootstrap_servers,
        topic_prefix=prefix,
        group_prefix=prefix,
        session_timeout_s=6,
        rebalance_timeout_s=15,
        drain_s=6,
        commit_interval_s=0.5,
        retry_base_s=0.2,
        retry_cap_s=5,
        span=256,
    )
    _create(settings, plan)
    began = time.monotonic()
    rng = random.Random(plan.seed)
    workers = Workers(settings, folder, plan.mean_ms)
    for _ in range(plan.workers):
        workers.start()
    these = uploads(plan.uploads, shoppers=plan.shoppers)
    feeding = asyncio.create_task(asyncio.to_thread(feed, settings, these, plan.per_s, transactions=plan.transactions))
    done: Counter[str] = Counter()
    await asyncio.to_thread(workers.running[0].await_said, "assigned")
    faults = _schedule(plan)
    for step in range(plan.actions):
        await asyncio.sleep(plan.every_s)
        workers.replace_ended()
        action = "roll" if plan.rolling_only else rng.choice(WORKER_ACTIONS)
        done[action] += 1
        print(f"{time.monotonic() - began:6.1f} s  {action}", file=sys.stderr)
        await _act(action, workers, rng)
        for fault in faults[step]:
            done[fault] += 1
            await _bring(fault, cluster, settings, plan, rng)
    aborted = await feeding
    published = Published([upload.id for upload in these], aborted, was_cut=plan.truncations > 0)
    ends = await asyncio.to_thread(ends_of_uploads, settings, aborted)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        workers.replace_ended()
        if not uncommitted(settings, ends):
            break
        await asyncio.sleep(1)
    left = uncommitted(settings, ends)
    for worker in list(workers.running):
        await workers.end(worker, signal.SIGTERM)
    return await judge(
        settings,
        folder,
        published,
        left=left,
        actions=dict(done),
        rebalances=workers.rebalances,
        worker_exits=dict(workers.exits),
        seconds=round(time.monotonic() - began, 1),
    )


def _schedule(plan: Plan) -> dict[int, list[str]]:
    """Spread each kind of fault over the steps."""
    faults: dict[int, list[str]] = defaultdict(list)
    kinds = {
        "broker": plan.broker_restarts,
        "freeze broker": plan.broker_freezes,
        "truncate": plan.truncations,
        "foreign": plan.foreign,
    }
    for kind, times in kinds.items():
        for one in range(times):
            faults[plan.actions * (one + 1) // (times + 1)].append(kind)
    return faults


async def _bring(fault: str, cluster: KafkaCluster, settings: Settings, plan: Plan, rng: random.Random) -> None:
    if fault == "broker":
        await restart(cluster, plan.brokers, rng)
    elif fault == "freeze broker":
        await freeze(cluster, plan.brokers, rng)
    elif fault == "truncate":
        await truncate(cluster, settings, plan.partitions, rng)
    else:
        await send_foreign(settings, rng)


async def _act(action: str, workers: Workers, rng: random.Random) -> None:
    if action == "join" or not workers.running:
        workers.start()
        return
    worker = rng.choice(workers.running)
    if action == "kill":
        await workers.end(worker, signal.SIGKILL)
        workers.start()
    elif action in {"term", "roll"}:
        await workers.end(worker, signal.SIGTERM)
        workers.start()
    elif action == "leave":
        await workers.end(worker, signal.SIGTERM)
        if not workers.running:
            workers.start()
    elif action == "freeze":
        # Longer than the session timeout: the group goes on without it, and it wakes up as a zombie.
        worker.send(signal.SIGSTOP)
        await asyncio.sleep(9)
        worker.send(signal.SIGCONT)


def _create(settings: Settings, plan: Plan) -> None:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    config = {"min.insync.replicas": "2"} if plan.brokers > 1 else {}
    new = [
        NewTopic(topic.name, plan.partitions, replication_factor=min(3, plan.brokers), config=config)
        for topic in topics(settings.topic_prefix).all()
    ]
    for future in admin.create_topics(new, operation_timeout=30).values():
        future.result()


def main() -> None:
    """Run it from the command line and print the verdict as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in asdict(Plan()).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=type(value), default=value)
    plan = Plan(**vars(parser.parse_args()))
    with KafkaCluster(plan.brokers) as cluster, tempfile.TemporaryDirectory() as folder:
        verdict = asyncio.run(run(plan, cluster, Path(folder)))
    print(json.dumps(asdict(verdict)))
    sys.exit(not verdict.is_good or (plan.rolling_only and verdict.duplicates > 0))


if __name__ == "__main__":
    main()
