"""
Outlives a test run to clean up after it: kills its brokers and removes their data once its stdin closes.

That also happens when the run is killed itself. Each line `+PID` names a process to guard, `-PID` one that has ended;
the argument, if any, is the folder to remove.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

alive: set[int] = set()
for line in sys.stdin:
    (alive.add if line.startswith("+") else alive.discard)(int(line[1:]))
for pid in alive:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
for folder in sys.argv[1:]:
    give_up = time.monotonic() + 10
    while Path(folder).exists() and time.monotonic() < give_up:
        # A dying broker may still create a file.
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)
