"""Children are kept running, stopped in order, and never left behind."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from streams.runtime.supervisor import HALTED, Child, keep_running, start, stop


def child(name: str, code: str, folder: Path) -> Child:
    return Child(name, [sys.executable, "-c", code], {"PATH": os.defpath, "FOLDER": str(folder)})


#: Notes its process id in a file per start, then waits for a signal.
WAITS = """
import os, pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
folder = pathlib.Path(os.environ["FOLDER"])
(folder / f"pid-{os.getpid()}").touch()
signal.sigwait({signal.SIGTERM})
"""
ENDS = WAITS.replace("signal.sigwait({signal.SIGTERM})", "sys.exit(70)")
HALTS = WAITS.replace("signal.sigwait({signal.SIGTERM})", f"sys.exit({HALTED})")
STUBBORN = WAITS.replace("signal.sigwait({signal.SIGTERM})", "signal.pause()")


def pids(folder: Path) -> set[int]:
    return {int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")}


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_child_that_ends_is_started_again(tmp_path):
    stopping = asyncio.Event()
    keeping = asyncio.create_task(
        keep_running([child("c", ENDS, tmp_path)], stopping, grace_s=5, backoff_s=lambda _failures: 0.01)
    )
    await until(lambda: len(pids(tmp_path)) >= 3)
    stopping.set()
    assert await keeping == 0


async def test_the_pause_grows_with_each_failure(tmp_path):
    stopping, seen = asyncio.Event(), []

    def backoff(failures: int) -> float:
        seen.append(failures)
        if len(seen) == 3:
            stopping.set()
        return 0.0

    assert await keep_running([child("c", ENDS, tmp_path)], stopping, grace_s=5, backoff_s=backoff) == 0
    assert seen == [1, 2, 3]


async def test_a_child_that_halts_on_purpose_stops_all_and_is_not_started_again(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    children = [child("a", HALTS, tmp_path / "a"), child("b", WAITS, tmp_path / "b")]
    assert await keep_running(children, asyncio.Event(), grace_s=5) == HALTED
    assert len(pids(tmp_path / "a")) == 1
    assert not any(psutil.pid_exists(pid) for pid in pids(tmp_path / "b"))


async def test_a_stop_asks_first_and_then_makes_sure(tmp_path):
    polite, stubborn = child("p", WAITS, tmp_path), child("s", STUBBORN, tmp_path)
    await start(polite)
    await start(stubborn)
    await until(lambda: len(pids(tmp_path)) == 2)
    assert await stop(polite, grace_s=10) == 0
    assert await stop(stubborn, grace_s=0.3) == -signal.SIGKILL


async def test_children_do_not_outlive_a_parent_that_was_killed(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("the kernel stops children of a killed parent on Linux only")
    parent = f"""
import asyncio, sys
from pathlib import Path
from streams.runtime.supervisor import Child, start
async def main():
    await start(Child("c", [sys.executable, "-c", {WAITS!r}], {{"FOLDER": {str(tmp_path)!r}}}))
    await asyncio.sleep(60)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent)
    await until(lambda: pids(tmp_path))
    process.kill()
    await process.wait()
    (pid,) = pids(tmp_path)

    def gone() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        return True

    await until(gone)
