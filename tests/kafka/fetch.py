"""Fetch a Java server from Maven Central below deploy/NAME/target, once for each change of its pom.xml."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: https://kafka.apache.org/documentation/#java; Apicurio Registry 2 would take an older one.
JAVA_AT_LEAST = 17
INSTALL = "install java 17+ and maven (apt-get install default-jre-headless maven)"


@dataclass(frozen=True)
class Server:
    """What to fetch: the folder with its pom.xml, the maven goal, and where that puts it."""

    called: str
    deploy: Path
    goal: str
    folder: str


DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVERS = {
    "kafka": Server("Apache Kafka (45 MB)", DEPLOY / "kafka", "dependency:copy-dependencies", "libs"),
    "registry": Server(
        "Apicurio's Schema Registry (140 MB)", DEPLOY / "registry", "dependency:unpack-dependencies", "registry"
    ),
}


class ServerMissingError(RuntimeError):
    """A server cannot be run here; the message says what to install."""


@cache
def fetched(name: str) -> Path:
    """
    Return the folder of a server's jars, fetched if this is the first time. Progress goes to stderr.

    Raises:
        ServerMissingError: java or maven are missing, or maven could not fetch.

    """
    server = SERVERS[name]
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < JAVA_AT_LEAST:
        raise ServerMissingError(INSTALL)
    target = server.deploy / "target"
    target.mkdir(exist_ok=True)
    done, wanted = target / "fetched", hashlib.sha256((server.deploy / "pom.xml").read_bytes()).hexdigest()
    # Two test runs may come here at once.
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != wanted:
            _fetch(server, target)
            done.write_text(wanted)
    return target / server.folder


def _fetch(server: Server, target: Path) -> None:
    mvn = shutil.which("mvn")
    if not mvn:
        raise ServerMissingError(INSTALL)
    print(f"Fetching {server.called} into deploy/{server.deploy.name}/target, once", file=sys.stderr)
    # Maven's markers would claim that deleted files are unpacked.
    for stale in (server.folder, "dependency-maven-plugin-markers"):
        shutil.rmtree(target / stale, ignore_errors=True)
    command = [mvn, "-q", "-B", "-Dstyle.color=never", "-f", str(server.deploy / "pom.xml"), server.goal]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).partition("-> [Help")[0].split())
        raise ServerMissingError(f"mvn could not fetch {server.called}: {said[:600]}")
