"""
Fetch Apache Kafka's jars from Maven Central into deploy/kafka/target/libs, once for each change of its pom.xml.

Prints the folder and exits 0, or prints in a sentence what to install and exits 1. Progress goes to stderr.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "kafka"
#: https://kafka.apache.org/documentation/#java
JAVA_AT_LEAST = 17
INSTALL = "install java 17+ and maven (apt-get install default-jre-headless maven)"


def main() -> str | None:
    """Give what is missing, or None."""
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < JAVA_AT_LEAST:
        return INSTALL
    target = DEPLOY / "target"
    target.mkdir(exist_ok=True)
    fetched, wanted = target / "fetched", hashlib.sha256((DEPLOY / "pom.xml").read_bytes()).hexdigest()
    # Two test runs may come here at once.
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not fetched.exists() or fetched.read_text() != wanted:
            if trouble := fetch(target):
                return trouble
            fetched.write_text(wanted)
    return None


def fetch(target: Path) -> str | None:
    """Let maven fetch; give what went wrong, or None."""
    mvn = shutil.which("mvn")
    if not mvn:
        return INSTALL
    print("Fetching Apache Kafka into deploy/kafka/target (45 MB, once)", file=sys.stderr)
    shutil.rmtree(target / "libs", ignore_errors=True)
    command = [mvn, "-q", "-B", "-Dstyle.color=never", "-f", str(DEPLOY / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).partition("-> [Help")[0].split())
        return f"mvn could not fetch Apache Kafka: {said[:600]}"
    return None


if __name__ == "__main__":
    missing = main()
    print(missing or DEPLOY / "target" / "libs")
    sys.exit(1 if missing else 0)
