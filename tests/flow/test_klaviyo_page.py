"""
docs/klaviyo.md followed to the letter: from an empty account to a text message, and to its withdrawal.

Only the ports are replaced by free ones, and the folder by an empty one that has the sample photos.
"""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.config.settings import child_environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "klaviyo.md").read_text(encoding="utf-8")
PORTS = ("4011", "9092", "8000")
OFFER = "Hi，看到你喜欢纯棉舒适款！夏日新款纯棉T恤限时8折"
SERVERS = ("hangtag klaviyo sandbox", "hangtag broker", "hangtag ocr serve")


def commands() -> list[str]:
    """List the commands of the page, one a line, without comments."""
    block = re.search(r"## Try it without an account.*?```bash\n(.*?)```", PAGE, re.DOTALL)[1]
    lines = block.replace("\\\n", "").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")]


class Terminal:
    """A shell that is typed into."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self._folder, self._ports = folder, ports
        # The page's first line puts `hangtag` on the path; here it is the one that is tested.
        found = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        # Health pages of the stages, and nothing else, are not on the page.
        settings = child_environment(ocr_urls=f'["http://127.0.0.1:{ports["8000"]}"]', health_port=free_port(3))
        self._shell = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            cwd=folder,
            env=settings | {"PATH": found},
            text=True,
            start_new_session=True,
        )

    def type(self, command: str) -> str:
        """Run a command to its end and give what it printed; one that ends in & goes on running."""
        for port, ours in self._ports.items():
            command = re.sub(rf"(?<=[ :]){port}\b", ours, command)
        log = self._folder / f"{time.monotonic_ns()}.log"
        background = command.endswith("&")
        plain = command.removesuffix("&").strip()
        done = "" if background else f"; echo done $? >> {log}"
        self._write(f"{plain} > {log} 2>&1 {'&' if background else ''}{done}\n")
        wanted = "ready on" if plain.startswith(SERVERS) else "" if background else "done "
        if not wanted:
            return ""
        await_that(lambda: log.exists() and wanted in log.read_text(errors="replace"))
        said = log.read_text(errors="replace")
        if not background:
            assert said.endswith("done 0\n"), f"{command}: {said}"
        return said

    def _write(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def close(self) -> None:
        # Last started, first stopped: a stage whose broker is away waits for it before it ends.
        self._write("for job in $(jobs -p | tac); do kill $job; wait $job; done\nexit\n")
        self._shell.wait(60)
        self._shell.stdin.close()


def await_that(found: Callable[[], Any], limit_s: float = 120) -> Any:
    deadline = time.monotonic() + limit_s
    while not (value := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return value


def free_port(count: int = 1) -> str:
    for first in range(21_000, 60_000, 13):
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return str(first)
    raise AssertionError("no free ports")


@pytest.fixture
def terminal(tmp_path) -> Iterator[Terminal]:
    if not (shutil.which("bash") and shutil.which("curl")):
        pytest.skip("docs/klaviyo.md was not followed: install bash and curl")
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    ports: dict[str, str] = {}
    for number in PORTS:
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports[number] = str(free.getsockname()[1])
    opened = Terminal(tmp_path, ports)
    opened.url = f"http://127.0.0.1:{ports['4011']}"
    yield opened
    opened.close()


def test_a_text_is_sent_and_after_the_withdrawal_none(terminal):
    first, *steps = commands()
    assert first.startswith("make .venv/hangtag")

    def state() -> Any:
        return httpx.get(f"{terminal.url}/sandbox/state", trust_env=False).json()

    uploads = 0
    for step in steps:
        terminal.type(step)
        if step.startswith("hangtag upload"):
            uploads += 1
            await_that(lambda: len(state()["journeys"]) == uploads)  # noqa: B023 - called at once
    found = state()
    assert [(one["to"], one["body"], one["status"]) for one in found["sms"]] == [("shopper-1", OFFER, "sent")]
    assert [one["ended"] for one in found["journeys"]] == ["finished", "unsubscribed from SMS"]
    [shopper] = [one for one in found["profiles"] if one["external_id"] == "shopper-1"]
    assert shopper["consent"] == {"sms": "UNSUBSCRIBED"}
    assert "cotton" in shopper["properties"]["outfit_materials"]


def test_the_two_keys_have_the_scopes_that_the_table_gives_them():
    table = dict(re.findall(r"^ +\| (sync|set-up) \| ([a-z:, -]+) \|", PAGE, re.MULTILINE))
    given = dict(re.findall(r"--key pk_(\w+)=(\S+)", " ".join(commands())))
    assert {name: set(scopes.split(",")) for name, scopes in given.items()} == {
        "sync": set(table["sync"].split(", ")),
        "setup": set(table["set-up"].split(", ")),
    }
