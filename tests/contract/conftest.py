"""vLLM servers and OCR workers as processes of their own, for the tests that need real ones."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from streams.config.settings import child_environment

TOKEN = "a worker's token"
KEY = "a vLLM server's key"


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], ready: str, log: Path, patience_s: float
) -> Iterator[None]:
    """Run a server until the end of the block, which begins when `ready` answers 200."""
    with (
        log.open("wb") as out,
        # Its own session, as vLLM starts processes of its own, and its own folder, away from anyone's `.env`.
        subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, start_new_session=True, cwd=log.parent
        ) as process,
    ):
        try:
            give_up_at = time.monotonic() + patience_s
            while not _answers(ready):
                if process.poll() is not None or time.monotonic() > give_up_at:
                    pytest.fail(f"{command[0]} did not get ready:\n{log.read_text(errors='replace')[-4000:]}")
                time.sleep(0.5)
            yield
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def start_vllm(tmp_path_factory) -> Iterator[Callable[..., str]]:
    """Start the very command that `hangtag ocr vllm` prints, and return its URL."""
    with ExitStack() as running:

        def start(
            vllm: str, model: str, *more: str, engine: str = "hunyuan", options: tuple[str, ...] = (), **variables: str
        ) -> str:
            port = _free_port()
            ours = [sys.executable, "-m", "streams", "ocr", "vllm", "--engine", engine, "--model", model]
            printed = subprocess.check_output(
                [*ours, "--vllm", vllm, "--port", str(port), *options], text=True, stderr=subprocess.DEVNULL
            )
            words = shlex.split(printed)
            # vLLM reports its usage to its makers, unless this is set.
            environment = child_environment() | {"VLLM_API_KEY": KEY, "VLLM_NO_USAGE_STATS": "1"} | variables
            url = f"http://127.0.0.1:{port}"
            log = tmp_path_factory.mktemp("vllm") / "log"
            running.enter_context(_running([*words, *more], environment, f"{url}/health", log, patience_s=600))
            return url

        yield start


@pytest.fixture(scope="module")
def start_workers(tmp_path_factory) -> Iterator[Callable[..., list[str]]]:
    """Start `hangtag ocr serve` so many times before one vLLM server, and give their URLs."""
    with ExitStack() as running:

        def start(
            vllm_url: str, key: str | None, *, revision: str, workers: int, slots: int, engine: str = "hunyuan"
        ) -> list[str]:
            settings = {"ocr_vllm_url": vllm_url, "ocr_vllm_revision": revision, "ocr_slots": slots, "ocr_token": TOKEN}
            environment = child_environment(**settings | ({"ocr_vllm_key": key} if key else {}))
            urls = []
            for port in [_free_port() for _ in range(workers)]:
                command = [sys.executable, "-m", "streams", "ocr", "serve", "--engine", engine, "--port", str(port)]
                log = tmp_path_factory.mktemp("worker") / "log"
                url = f"http://127.0.0.1:{port}"
                running.enter_context(_running(command, environment, f"{url}/readyz", log, patience_s=300))
                urls.append(url)
            return urls

        yield start
