"""`make images` and `make smoke-compose` as far as they go without a Docker engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from build_images import LARGEST_MB, VERSION, faults
from compose_stack import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
#: A Docker command line: an engine with images of this size, user and strays.
FAKE = """#!/bin/sh
case "$*" in
  *" inspect "*) echo {size} ;;
  *"--entrypoint=id"*) echo {user} ;;
  *"find /"*) echo {strays} ;;
  *--version) echo hangtag {version} ;;
esac
"""


def test_the_smoke_test_starts_every_service_of_ours_that_the_cpu_profile_has():
    ours = {
        name
        for name, service in COMPOSE.items()
        if service["image"].startswith("hangtag-") and "cpu" in service.get("profiles", ["cpu"])
    }
    # Compose starts it before the services that wait for its end.
    assert set(SERVICES) == ours - {"topics"}


def test_images_have_the_version_that_compose_starts():
    assert {one["image"].split(":")[1] for one in COMPOSE.values() if one["image"].startswith("hangtag-")} == {VERSION}


@pytest.mark.parametrize("script", ["build_images.py", "smoke_compose.py"])
@pytest.mark.parametrize("client", [None, "exit 1"], ids=["no docker", "no engine"])
def test_one_line_is_printed_where_no_engine_answers(script, client, tmp_path):
    if client:
        _put_docker(tmp_path, f"#!/bin/sh\n{client}\n")
    command = [sys.executable, str(ROOT / "tests/images" / script)]
    told = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert re.fullmatch(r"No Docker engine answers here, so `make [a-z-]+` .+\n", told.stdout)


@pytest.mark.parametrize(
    ("fake", "fault"),
    [
        ({}, None),
        ({"size": (LARGEST_MB["streams"] + 1) * 10**6}, "more than 350 MB"),
        ({"user": 0}, "runs as root"),
        ({"strays": "/src/.env"}, "/src/.env"),
        ({"version": "0.0.1"}, "does not print the version"),
    ],
)
def test_a_fault_of_an_image_is_found(fake, fault, tmp_path, monkeypatch):
    good = {"size": 290 * 10**6, "user": 10001, "strays": "", "version": VERSION}
    _put_docker(tmp_path, FAKE.format(**good | fake))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert [one for one in faults("streams") if fault is None or fault not in one] == []
    assert bool(faults("streams")) == (fault is not None)


def test_a_build_sees_only_what_the_dockerfile_copies():
    first, *rest = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert first == "*"
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    needed = {source.rstrip("/") for line in copied for source in line.split()}
    let_in = {line[1:] for line in rest if line.startswith("!")}
    assert {one.removesuffix("/*.lock") for one in let_in} == {re.sub("/with-secrets$", "", one) for one in needed}


def _put_docker(folder: Path, script: str) -> None:
    (folder / "docker").write_text(script)
    (folder / "docker").chmod(0o755)
