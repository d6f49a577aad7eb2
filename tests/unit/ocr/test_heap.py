"""The memory of one photo is kept for the next; seen in a process of its own, for it is told to a whole process."""

import platform
import subprocess
import sys

import pytest

#: What a photo of 12 MP takes and gives back, in a thread, as the worker decodes. 8.3 MB are 2,000 pages.
PHOTOS = """
import resource
from concurrent.futures import ThreadPoolExecutor
from ocr_worker.heap import keep_freed_memory

def faults(photos):
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(photos):
        photo = [bytearray(3_000_000), bytearray(3_000_000), bytearray(2_300_000)]
        del photo
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before

assert keep_freed_memory()
with ThreadPoolExecutor(1) as thread:
    thread.submit(faults, 5).result()
    print(thread.submit(faults, 20).result())
"""


# Other C libraries have no mallopt, and keep or give back memory by rules of their own.
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose malloc is told")
def test_pages_are_faulted_in_once_instead_of_for_every_photo():
    assert int(subprocess.check_output([sys.executable, "-c", PHOTOS])) < 20 * 10
