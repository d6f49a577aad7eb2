"""
Sound photos with a few bytes changed: each is read or refused, in bounded time and memory.

`HANGTAG_FUZZ_PHOTOS=10000` tries that many (minutes) instead of some hundreds; `bench/fuzz_photos.py` runs for as
long as you choose, and measures.
"""

import os
import random
import time

import psutil
import pytest
from mutated_photos import SOUND, mutated, read_or_refused

from ocr_worker.images.decode import Limits

MUTATIONS = int(os.environ.get("HANGTAG_FUZZ_PHOTOS", "300"))  # noqa: TID251 - a switch of the tests, not a setting
LIMITS = Limits(max_pixels=24_000_000)
#: Far above what any photo within the limits costs: what hangs or swells is to be caught, not a busy machine.
MOST_S = 60.0
MOST_BYTES = 600_000_000


@pytest.mark.parametrize("name", SOUND)
def test_a_mutated_photo_is_read_or_refused_in_bounded_time_and_memory(name: str):
    process = psutil.Process()
    before = process.memory_info().rss
    for seed in range(-(-MUTATIONS // len(SOUND))):
        data = mutated(SOUND[name], random.Random(f"{name} {seed}"))
        started = time.monotonic()

        read_or_refused(data, LIMITS)

        assert time.monotonic() - started < MOST_S, seed
        assert process.memory_info().rss - before < MOST_BYTES, seed
