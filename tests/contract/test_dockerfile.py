"""The Dockerfile against what it builds: locks split in two, secrets that become variables, exit codes."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from streams.config.settings import child_environment
from streams.runtime.supervisor import HALTED

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


#: Starts each process of an image and prints the modules it has loaded once it is built.
STAGE = """
import asyncio
import streams.cli.main, streams.runtime.process
from streams.config.settings import Settings
from streams.wiring import stages
from streams.wiring.assembly import assemble
asyncio.run(assemble(getattr(stages, "{}")(Settings()), emitter=object()))
"""
SERVER = """
import streams.cli.main
from {} import create_app
"""
OCR = """
import streams.cli.main
import ocr_worker.server.app, ocr_worker.reader
from streams.cli.ocr.group import _engine
from streams.config.settings import Settings
_engine("{}", Settings())
"""
PROCESSES = {
    "streams": [
        *(STAGE.format(name) for name in ("recognize", "tag", "sync", "notifications")),
        *(SERVER.format(name) for name in ("streams.gateway.app", "klaviyo_sink.sandbox.app")),
        "import streams.cli.main, streams.lag.exporter, klaviyo_sink.account.canary, streams.operations.doctor",
    ],
    "gpu": [OCR.format("hunyuan"), OCR.format("paddle-vl")],
}
LOADED = """
import json, sys
from importlib.metadata import packages_distributions
owners = packages_distributions()
tops = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted({owner for top in tops for owner in owners.get(top, ())})))
"""


@pytest.fixture(scope="module")
def locks(tmp_path_factory) -> dict[str, set[str]]:
    """The packages of each image, by the name of its lock."""
    folder = tmp_path_factory.mktemp("locks")
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    script = re.search(r"^RUN (awk.*?>> streams\.lock)$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(["sh", "-euc", script], cwd=folder, check=True)
    assert "--hash=sha256:" in (folder / "streams.lock").read_text()
    names = {path.stem: _locked(path) for path in folder.glob("*.lock")}
    return names | {"runtime": _locked(folder / "requirements/runtime.lock")}


@pytest.mark.parametrize(
    ("image", "process"), [(image, process) for image, processes in PROCESSES.items() for process in processes]
)
def test_an_image_has_what_its_processes_import(locks, image: str, process: str, tmp_path):
    environment = child_environment(
        store_url=f"file:{tmp_path}/photos",
        state_url=f"sqlite:///{tmp_path}/state.db",
        klaviyo_key="pk_none",
        notifications_topic="shop.bucket-events",
    )
    ran = subprocess.run(
        [sys.executable, "-c", process + LOADED], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    loaded = {re.sub(r"[-_.]+", "-", name).lower() for name in json.loads(ran.stdout.splitlines()[-1])}
    # Some libraries import others only if they are there: the tests' own, and PyYAML (Faust).
    assert (loaded & locks["runtime"]) - {"pyyaml"} <= locks[image]


def test_no_image_carries_what_another_one_needs(locks):
    assert not locks["streams"] & {"numpy", "opencv-python-headless", "pillow", "pi-heif", "pillow-heif", "onnxruntime"}
    assert not locks["gpu"] & {"rapidocr", "onnxruntime", "torch", "gradio", "psycopg"}
    assert _needed({"hangtag[cpu]", "hangtag[otel]"}) - {"hangtag"} <= locks["runtime"] | locks["otel"]
    assert {"hatchling", "pathspec", "pluggy", "trove-classifiers"} <= locks["build"]


def test_secrets_become_variables_and_an_unreadable_one_ends_the_start(tmp_path):
    script = (ROOT / "deploy/docker/with-secrets").read_text()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "HANGTAG_KLAVIYO_KEY").write_text("pk with space\n")
    (tmp_path / "secrets" / "kubernetes.io").mkdir()
    told = _run(script, tmp_path / "secrets", "printenv", "HANGTAG_KLAVIYO_KEY")
    assert told.stdout == "pk with space\n"
    assert _run(script, tmp_path / "none", "echo", "started").stdout == "started\n"
    (tmp_path / "secrets" / "BROKEN").symlink_to("/proc/self/mem")
    assert _run(script, tmp_path / "secrets", "echo", "started").stdout == ""


# tini is in the image, and needed nowhere else (apt-get install tini).
@pytest.mark.skipif(shutil.which("tini") is None, reason="no tini here")
@pytest.mark.parametrize(("code", "seen"), [(HALTED, 0), (70, 70), (71, 71), (72, 72)])
def test_a_halted_stage_ends_with_nought_and_a_crashed_one_does_not(code, seen):
    entry = re.search(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)[1]
    tini = yaml.safe_load(entry)[: yaml.safe_load(entry).index("--")]
    told = subprocess.run([*tini, "-s", "--", "sh", "-c", f"exit {code}"], check=False)
    assert told.returncode == seen


def _run(script, secrets, *command: str):
    return subprocess.run(
        ["sh", "-c", script, "with-secrets", *command],
        env={"SECRETS_AT": str(secrets), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def _locked(path):
    return set(re.findall(r"^([a-z0-9-]+)==", path.read_text(), re.MULTILINE))


def _needed(wanted):
    """Names of all that is needed, by what installed packages say of themselves."""
    todo, seen = [Requirement(one) for one in wanted], set()
    while todo:
        requirement = todo.pop()
        extras = requirement.extras or {""}
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        for line in distribution(requirement.name).requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                todo.append(needed)
    return {re.sub(r"[-_.]+", "-", Requirement(one).name).lower() for one in seen}
