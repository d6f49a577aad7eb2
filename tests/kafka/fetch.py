"""
Fetch a Java server from Maven Central below deploy/NAME/target, once for each change of its pom.xml.

`python fetch.py kafka` or `python fetch.py registry` prints the folder and exits 0, or prints in a sentence what to
install and exits 1. Progress goes to stderr.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: https://kafka.apache.org/documentation/#java; Apicurio Registry 3 asks for the same.
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


def main(server: Server) -> str | None:
    """Give what is missing, or None."""
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < JAVA_AT_LEAST:
        return INSTALL
    target = server.deploy / "target"
    target.mkdir(exist_ok=True)
    fetched, wanted = target / "fetched", hashlib.sha256((server.deploy / "pom.xml").read_bytes()).hexdigest()
    # Two test runs may come here at once.
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not fetched.exists() or fetched.read_text() != wanted:
            if trouble := fetch(server, target):
                return trouble
            fetched.write_text(wanted)
    return None


def fetch(server: Server, target: Path) -> str | None:
    """Let maven fetch; give what went wrong, or None."""
    mvn = shutil.which("mvn")
    if not mvn:
        return INSTALL
    print(f"Fetching {server.called} into deploy/{server.deploy.name}/target, once", file=sys.stderr)
    shutil.rmtree(target / server.folder, ignore_errors=True)
    command = [mvn, "-q", "-B", "-Dstyle.color=never", "-f", str(server.deploy / "pom.xml"), server.goal]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).partition("-> [Help")[0].split())
        return f"mvn could not fetch {server.called}: {said[:600]}"
    return None


if __name__ == "__main__":
    chosen = SERVERS[sys.argv[1]]
    missing = main(chosen)
    print(missing or chosen.deploy / "target" / chosen.folder)
    sys.exit(1 if missing else 0)
