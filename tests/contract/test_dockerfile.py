"""The Dockerfile against what it builds: locks split in two, secrets that become variables, exit codes."""

import re
import shutil
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from streams.runtime.supervisor import HALTED

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_locks_are_split_without_losing_what_a_stage_needs(tmp_path):
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    script = re.search(r"^RUN (awk.*?streams\.lock)$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    streams, build = _locked(tmp_path / "streams.lock"), _locked(tmp_path / "build.lock")
    runtime = _locked(tmp_path / "requirements/runtime.lock")
    assert _needed({"hangtag", "hangtag[otel]", "hangtag[postgres]"}) - {"hangtag"} <= streams
    assert _needed({"hangtag[cpu]", "hangtag[otel]"}) - {"hangtag"} <= runtime | _locked(tmp_path / "otel.lock")
    assert not streams & {"rapidocr", "onnxruntime", "torch", "gradio"}
    assert streams - runtime == {"psycopg", "psycopg-binary"} | _locked(tmp_path / "otel.lock")
    assert {"hatchling", "pathspec", "pluggy", "trove-classifiers"} <= build
    assert "--hash=sha256:" in (tmp_path / "streams.lock").read_text()


def test_secrets_become_variables_and_an_unreadable_one_ends_the_start(tmp_path):
    script = re.search(r"<<'SH' \S+\n(.*?)^SH$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
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
