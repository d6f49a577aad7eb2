"""A power cut: a broker without replicas comes back with a log that is shorter than what it had acknowledged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import KafkaCluster

#: Bytes of a record batch's header up to and including its attributes.
_HEAD = 23
_CONTROL = 0x20


@dataclass(frozen=True)
class LogBatch:
    """A record batch in a log file: where it ends, and whether it is the marker of a transaction."""

    end: int
    is_marker: bool


@contextmanager
def power_cut(cluster: KafkaCluster, number: int = 1) -> Iterator[Path]:
    """Kill a broker, let the caller damage its files, and start it again."""
    cluster.kill(number)
    folder = cluster.data_dir / f"broker-{number}"
    yield folder
    for mark in folder.rglob(".kafka_cleanshutdown"):
        mark.unlink()
    cluster.start(number)


def newest_log(folder: Path, topic: str, partition: int) -> Path:
    """Find the file that a partition's newest records are in."""
    return max((folder / f"{topic}-{partition}").glob("*.log"))


def batches(log: Path) -> list[LogBatch]:
    """List the batches of a log file; each says its length in bytes 8 to 12."""
    data, at, found = log.read_bytes(), 0, []
    while at + _HEAD <= len(data):
        attributes = int.from_bytes(data[at + 21 : at + 23], "big")
        at += 12 + int.from_bytes(data[at + 8 : at + 12], "big")
        found.append(LogBatch(at, bool(attributes & _CONTROL)))
    return found


def keep(log: Path, count: int) -> None:
    """Cut a log file behind its first `count` batches."""
    os.truncate(log, batches(log)[count - 1].end if count else 0)
