"""
An archive of Kafka's classes as Java has loaded and checked them. It halves the CPU time of each start.

Made once, beside the jars, by a broker that starts and stops. A Java that is not the archive's ignores it.
"""

import fcntl
import subprocess
import tempfile
from pathlib import Path

from cluster import KafkaCluster, class_archive


def ensure_class_archive() -> None:
    """Make the archive if there is none; raises as `KafkaCluster`."""
    archive = class_archive()
    # Two test runs may come here at once.
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
    """One broker, whose Java writes the archive as it ends in order."""

    def __init__(self, archive: Path, data: Path) -> None:
        super().__init__(data_dir=data)
        self._archive = archive

    def _spawn(self, number: int, *words: str) -> subprocess.Popen[bytes]:
        writing = [f"-XX:ArchiveClassesAtExit={self._archive}"] if words[0] == "kafka.Kafka" else []
        return super()._spawn(number, *writing, *words)
