"""Runs the two later stages over the texts of a chaos run, to count what reaches the shopper's profile twice."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from confluent_kafka import Consumer, TopicPartition

from streams.config.settings import Settings, child_environment
from streams.kafka.reader import follow
from streams.wiring.kafka import make_topics

_LIMIT_S = 300
KEY = "pk_chaos"


async def double_effects(settings: Settings, folder: Path, uploads: int) -> int:
    """
    Send the tags of every text to a local Klaviyo, as `tag` and `sync` do.

    Returns:
        How many more (or fewer) events it keeps than there are uploads.

    """
    return await asyncio.to_thread(_count, settings, folder) - uploads


def _count(settings: Settings, folder: Path) -> int:
    with ExitStack() as stack:
        url = stack.enter_context(_sandbox())
        environment = child_environment(
            **settings.model_dump(exclude_unset=True)
            | {
                "klaviyo_url": url,
                "klaviyo_key": KEY,
                "state_url": f"sqlite:///{folder}/chaos.db",
                "log_level": "error",
            }
        )
        for name, topic in (("tag", make_topics(settings).texts.name), ("sync", make_topics(settings).tags.name)):
            stack.enter_context(_running(["worker", name], environment))
            _await_done(settings, name, topic)
        return len(httpx.get(f"{url}/sandbox/state", trust_env=False, timeout=60).json()["events"])


@contextmanager
def _sandbox() -> Iterator[str]:
    command = ["klaviyo", "sandbox", "--port", "0", "--key", KEY, "--speed", "100"]
    with _running(command, None) as started:
        assert started.stdout is not None
        yield started.stdout.readline().split()[-1]


@contextmanager
def _running(words: list[str], environment: dict[str, str] | None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", "-m", "streams", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.terminate()


def _await_done(settings: Settings, stage: str, topic: str) -> None:
    """Wait until a stage has committed the last record of each partition."""
    ends: dict[int, int] = {}
    for seen in follow(settings, [topic]):
        ends[seen.partition] = seen.offset + 1
    group = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": f"{settings.group_prefix}.{stage}"})
    give_up = time.monotonic() + _LIMIT_S
    places = [TopicPartition(topic, number) for number in ends]
    while any(place.offset < ends[place.partition] for place in group.committed(places, timeout=30)):
        assert time.monotonic() < give_up, f"{stage} is not done after {_LIMIT_S} s"
        time.sleep(0.5)
    group.close()
