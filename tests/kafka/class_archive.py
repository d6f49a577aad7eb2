"""
Makes an archive of Kafka's classes, loaded and checked, from which Java starts a broker in half the CPU time.

A broker that starts and stops writes the archive once, beside the jars. A Java that did not make it ignores it.
"""

import fcntl
import subprocess
import tempfile
from pathlib import Path

from cluster import KafkaCluster, class_archive


def ensure_class_archive() -> None:
    """Make the archive if there is none; raises as `KafkaCluster`."""
    archive = class_archive()
    # Two processes that run tests may make it at the same time.
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists():
            return
        unfinished = archive.with_suffix(".unfinished")
        with tempfile.TemporaryDirectory() as data, _ArchivingKafka(unfinished, Path(data)):
            pass
        if unfinished.exists():
            unfinished.rename(archive)


class _ArchivingKafka(KafkaCluster):
    """One broker. Its Java writes the archive when the broker stops normally."""

    def __init__(self, archive: Path, data: Path) -> None:
        super().__init__(data_dir=data)
        self._archive = archive

    def _spawn(self, number: int, *words: str) -> subprocess.Popen[bytes]:
        writing = [f"-XX:ArchiveClassesAtExit={self._archive}"] if words[0] == "kafka.Kafka" else []
        return super()._spawn(number, *writing, *words)
