"""How to run the programs of examples/ in each language, and what is missing for that on this machine."""

import atexit
import functools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import npm
from cluster import libraries

EXAMPLES = Path(__file__).parents[2] / "examples"
LANGUAGES = ("python", "node", "java", "go")
JAVA_FILES = {"post_photo": "PostPhoto.java", "publish_upload": "PublishUpload.java", "tags": "Tags.java"}
_QUIET = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]


def missing(language: str, program: str) -> str | None:
    """Return what a program needs and this machine lacks, or None."""
    if language == "node":
        # Node has an HTTP client of its own.
        return npm.missing_node() if program == "post_photo" else npm.missing(EXAMPLES / "node")
    if language == "java" and not shutil.which("javac"):
        return "install a Java development kit (apt-get install default-jdk-headless)"
    return _missing_go() if language == "go" else None


def command(language: str, program: str) -> list[str]:
    """Return the words that run a program; its arguments follow."""
    if language == "python":
        return [sys.executable, str(EXAMPLES / "python" / f"{program}.py")]
    if language == "node":
        return ["node", str(EXAMPLES / "node" / f"{program}.mjs")]
    if language == "go":
        return [str(_built() / program)]
    path = [] if program == "post_photo" else ["-cp", f"{libraries()}/*"]
    return ["java", *_QUIET, *path, str(EXAMPLES / "java" / JAVA_FILES[program])]


@functools.cache
def _missing_go() -> str | None:
    wanted = re.search(r"^go (\d+)\.(\d+)", (EXAMPLES / "go" / "go.mod").read_text(), re.MULTILINE).groups()
    here = re.search(r"go(\d+)\.(\d+)", _go("env", "GOVERSION").stdout) if shutil.which("go") else None
    if here is None or tuple(map(int, here.groups())) < tuple(map(int, wanted)):
        return f"install Go {'.'.join(wanted)} or later"
    done = _go("mod", "download")
    return f"go could not fetch its modules: {done.stderr[-300:]}" if done.returncode else None


@functools.cache
def _built() -> Path:
    """Build all Go programs, once, into a temporary folder of this process."""
    folder = Path(tempfile.mkdtemp(prefix="hangtag-go-"))
    atexit.register(shutil.rmtree, folder)
    # Not optimized: Go's own library is compiled too where its cache is empty, and these programs run for a second.
    done = _go("build", "-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w", "-o", f"{folder}/", "./...")
    assert done.returncode == 0, done.stderr
    return folder


def _go(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["go", *words], cwd=EXAMPLES / "go", capture_output=True, text=True, check=False, timeout=240)
