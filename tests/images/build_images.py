"""
`make images`: builds every target of the Dockerfile, prints the sizes, and checks each image as it would run.

Arguments go to `docker build`: `make images BUILD_ARGS='--build-arg PYTHON=python:3.11.15-slim-bookworm@sha256:…'`.
Where no Docker engine answers, it prints one line and builds nothing.
"""

import sys
import tomllib

from docker_engine import ROOT, answers, docker
from image_processes import PROCESSES, settings

#: The largest size of an image, in MB (10^6 bytes).
LARGEST_MB = {"streams": 350, "ocr-cpu": 800}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
#: As docker-compose.yml runs them, but without a network.
CONFINED = [
    "--rm",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
]
#: Prints each file that belongs to a checkout and not to an image.
STRAYS = r"find / -xdev \( -name .env -o -name .git -o -name .hangtag -o -name '*.key' \) 2>/dev/null || true"


def image(target: str) -> str:
    """Return the name of a target's image."""
    return f"hangtag-{target}:{VERSION}"


def build(target: str, build_args: list[str]) -> None:
    """Build a target; raises EngineFailedError."""
    docker("build", *build_args, "--target", target, "--tag", image(target), ".", quiet=False)


def faults(target: str) -> list[str]:
    """Run an image's processes as they would run, and return what is wrong with the image, in words."""
    size_mb = int(docker("image", "inspect", "--format={{.Size}}", image(target))) / 1e6
    print(f"{image(target)}  {size_mb:.0f} MB")
    found = []
    if size_mb > LARGEST_MB.get(target, size_mb):
        found.append(f"{target} has {size_mb:.0f} MB, more than {LARGEST_MB[target]} MB")
    if docker("run", *CONFINED, "--entrypoint=id", image(target), "-u").strip() == "0":
        found.append(f"{target} runs as root")
    if strays := docker("run", *CONFINED, "--entrypoint=sh", image(target), "-c", STRAYS).split():
        found.append(f"{target} has files of the checkout: {' '.join(strays)}")
    if docker("run", *CONFINED, image(target), "--version").strip() != f"hangtag {VERSION}":
        found.append(f"{target} does not print the version")
    variables = [f"--env=HANGTAG_{name.upper()}={value}" for name, value in settings("/tmp").items()]  # noqa: S108 - the tmpfs of CONFINED
    for process in PROCESSES[target]:
        docker("run", *CONFINED, *variables, "--entrypoint=python", image(target), "-c", process)
    return found


def main(build_args: list[str]) -> int:
    """Build and check every target, and return the exit code."""
    if not answers():
        print("No Docker engine answers here, so `make images` builds nothing.")
        return 0
    for target in PROCESSES:
        build(target, build_args)
    found = [fault for target in PROCESSES for fault in faults(target)]
    print("\n".join(found) or "Every image runs as it should.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
