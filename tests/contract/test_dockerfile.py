"""The Dockerfile against what it builds: the packages of each image, secrets that become variables, exit codes."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from image_processes import PROCESSES, settings
from packaging.requirements import Requirement

from streams.config.settings import child_environment
from streams.runtime.supervisor import HALTED

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

#: Prints the packages that a process has loaded.
LOADED = """
import json, sys
from importlib.metadata import packages_distributions
owners = packages_distributions()
tops = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted({owner for top in tops for owner in owners.get(top, ())})))
"""


@pytest.fixture(scope="module")
def locks(tmp_path_factory) -> dict[str, set[str]]:
    """Return the packages of each lock that the Dockerfile cuts from those of requirements/."""
    folder = tmp_path_factory.mktemp("locks")
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    script = re.search(r"^RUN (awk.*?>> streams\.lock)$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(["sh", "-euc", script], cwd=folder, check=True)
    assert "--hash=sha256:" in (folder / "streams.lock").read_text()
    return {path.stem: _locked(path) for path in folder.glob("*.lock")}


# The page needs Gradio, which has an environment of its own; `make images` runs it in its image.
@pytest.mark.parametrize(
    ("lock", "process"),
    [(target.removeprefix("ocr-"), process) for target in PROCESSES if target != "ui" for process in PROCESSES[target]],
)
def test_an_image_has_what_its_processes_import(locks, lock: str, process: str, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", process + LOADED],
        env=child_environment(**settings(str(tmp_path))),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    loaded = {re.sub(r"[-_.]+", "-", name).lower() for name in json.loads(ran.stdout.splitlines()[-1])}
    # Some libraries import others only if they are there: the tests' own, and PyYAML (Faust).
    assert (loaded & locks["cpu"]) - {"pyyaml"} <= locks[lock]


def test_an_image_has_the_packages_that_hangtag_needs_in_it_and_no_others(locks):
    pictures = {"numpy", "opencv-python-headless", "pi-heif", "pillow"}
    # colorama is for Windows.
    assert locks["cpu"] - {"colorama"} == _needed({"hangtag[cpu]", "hangtag[otel]"})
    assert locks["gpu"] - {"colorama"} == _needed({"hangtag[otel]"})
    assert locks["streams"] - {"colorama"} == _needed({"hangtag[otel]", "hangtag[postgres]"}) - pictures
    assert {"hatchling", "pathspec", "pluggy", "trove-classifiers"} <= locks["build"]


@pytest.mark.parametrize("lock", ["cpu", "ui"])
def test_an_image_that_reads_on_the_cpu_has_one_engine_to_run_models(locks, lock):
    found = locks | {"ui": _locked(ROOT / "requirements/ui.lock")}
    assert found[lock] & {"onnxruntime", "openvino", "paddlepaddle", "tensorrt", "torch"} == {"onnxruntime"}


def test_each_target_installs_its_own_lock():
    installed = dict(re.findall(r"^FROM locks AS (\S+)-environment$.*?-r (\S+)$", DOCKERFILE, re.MULTILINE | re.DOTALL))
    assert installed == {
        "streams": "streams.lock",
        "ocr-gpu": "gpu.lock",
        "ocr-cpu": "cpu.lock",
        "ui": "requirements/ui.lock",
    }
    assert installed.keys() == PROCESSES.keys()


def test_a_build_fetches_no_other_reader_of_dockerfiles():
    assert "syntax=" not in DOCKERFILE


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
    """Return the names of all packages needed, by the metadata of the installed ones, without Hangtag's own."""
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
    return {re.sub(r"[-_.]+", "-", Requirement(one).name).lower() for one in seen} - {"hangtag"}
