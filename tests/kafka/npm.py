"""Install what a folder's package-lock.json names from npm, once for each change of it."""

import fcntl
import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

#: https://nodejs.org/en/about/previous-releases
NODE_AT_LEAST = 20


@cache
def missing_node() -> str | None:
    """Return what to install for Node itself, or None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    if not npm or not version or int(version.removeprefix("v").partition(".")[0]) < NODE_AT_LEAST:
        return f"install node {NODE_AT_LEAST}+ and npm (apt-get install nodejs npm)"
    return None


@cache
def missing(folder: Path) -> str | None:
    """Install into the folder's node_modules. Return what is missing for that in a sentence, or None."""
    if lacking := missing_node():
        return lacking
    npm = shutil.which("npm")
    installed = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    # Two test runs may come here at once.
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed.exists() and installed.read_text() == wanted:
            return None
        command = [
            npm,
            "ci",
            "--ignore-scripts",
            "--prefer-offline",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
            "--fetch-timeout=20000",
        ]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        except subprocess.TimeoutExpired:
            return f"npm could not fetch what {folder.name}/package-lock.json names within 2 minutes"
        if done.returncode:
            return (
                f"npm could not fetch what {folder.name}/package-lock.json names: {' '.join(done.stderr.split())[:300]}"
            )
        installed.write_text(wanted)
    return None
