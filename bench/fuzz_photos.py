"""
Feeds mutated photos to the decoders for a while, in a process of their own, and prints as JSON what they did.

    python bench/fuzz_photos.py [--seconds 600] [--seed 0]

A photo that kills the process, or takes over two minutes, is named with its seed; it can be made again from that.
"""

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryFile

# In place of this folder, where `streams` would be a file of it.
sys.path[:1] = [str(Path(__file__).parents[1] / "tests" / "unit" / "ocr_worker")]

from mutated_photos import SOUND, mutated, read_or_refused  # noqa: E402 - found through the line above

from ocr_worker.images.decode import Limits  # noqa: E402 - same
from ocr_worker.server.heap import keep_freed_memory  # noqa: E402 - same

#: Rounds, of one photo of every kind, that a process works before the next one begins.
ROUNDS = 20
HANGS_S = 120


def work(first: int) -> None:
    """Read the photos of some rounds; prints a line before each, and what became of it."""
    keep_freed_memory()
    for seed in range(first, first + ROUNDS):
        for name, sound in SOUND.items():
            print(json.dumps([seed, name]), flush=True)
            data = mutated(sound, random.Random(f"{name} {seed}"))
            # Ends the process, wherever its thread is.
            signal.alarm(HANGS_S)
            before = time.process_time()
            outcome = read_or_refused(data, Limits())
            print(json.dumps([outcome, time.process_time() - before]), flush=True)
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), flush=True)


def fuzz(seconds: float, seed: int) -> dict[str, object]:
    """Start process after process until the time is over."""
    outcomes: Counter[str] = Counter()
    faults: list[object] = []
    slowest, peak_kb, end = (0.0, ""), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with TemporaryFile("w+") as errors:
            command = [sys.executable, "-P", __file__, "--work", str(seed)]
            child = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
            errors.seek(0)
            trouble = errors.read()[-500:]
        photo = ""
        for line in child.stdout.splitlines():
            match json.loads(line):
                case [int(), str()]:
                    photo = line
                case [str() as outcome, float() as spent]:
                    outcomes[outcome] += 1
                    slowest = max(slowest, (spent, photo))
                case int() as kb:
                    peak_kb = max(peak_kb, kb)
        if child.returncode:
            faults.append([photo, child.returncode, trouble])
        seed += ROUNDS
    return {
        "photos": sum(outcomes.values()),
        **outcomes,
        "faults": faults,
        "most_cpu_s_of_one_photo": [round(slowest[0], 3), slowest[1]],
        "peak_rss_mb": round(peak_kb / 1024),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=int, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        work(given.work)
    else:
        print(json.dumps(fuzz(given.seconds, given.seed), indent=2))
