"""A SIGHUP passed on to children reaches those that listen, and ends none that do not."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from streams.runtime.supervisor import Child, pass_on, start, stop

#: Records each SIGHUP once a file `listen` exists. SIGTERM before or after ends it.
LISTENS_LATE = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ["FOLDER"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
(folder / "deaf").touch()
while not (folder / "listen").exists():
    time.sleep(0.01)
signal.signal(signal.SIGHUP, lambda *_: (folder / "heard").touch())
(folder / "listens").touch()
while True:
    time.sleep(0.01)
"""


async def until(exists: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not exists():
            await asyncio.sleep(0.02)


async def test_a_child_hears_of_it_once_it_listens_and_lives_until_then(tmp_path):
    one = Child("c", [sys.executable, "-c", LISTENS_LATE], {"PATH": os.defpath, "FOLDER": str(tmp_path)})
    ended = Child("ended", [sys.executable, "-c", ""], {"PATH": os.defpath})
    never_started = Child("never", [sys.executable], {})
    children = [one, ended, never_started]
    await start(one)
    await start(ended)
    await ended.process.wait()
    pass_on(children, signal.SIGHUP)
    await until((tmp_path / "deaf").exists)
    pass_on(children, signal.SIGHUP)
    assert one.process.returncode is None
    (tmp_path / "listen").touch()
    await until((tmp_path / "listens").exists)
    pass_on(children, signal.SIGHUP)
    await until((tmp_path / "heard").exists)
    assert await stop(one, grace_s=10) == 0
