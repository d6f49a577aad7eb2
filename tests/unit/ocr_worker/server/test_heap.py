"""
The worker keeps the memory of one photo for the next, and returns that of a huge photo.

The tests use separate processes, because the setting applies to a whole process.
"""

import platform
import subprocess
import sys

import pytest

#: What a photo of 12 MP takes and gives back, in a thread, as the worker decodes. 8.3 MB are 2,000 pages.
PHOTOS = """
import resource
from concurrent.futures import ThreadPoolExecutor
from ocr_worker.server.heap import keep_freed_memory

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


#: A picture of 25 million pixels, decoded a few times; then the memory of the process now and at its peak, in MB.
HUGE = """
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from ocr_worker.server.heap import keep_freed_memory
from ocr_worker.images.decode import Limits, open_photo
from PIL import Image

def held(line="VmRSS"):
    return int(re.search(rf"{line}:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

assert keep_freed_memory()
out = BytesIO()
Image.new("RGBA", (5000, 5000), (255, 0, 0, 100)).save(out, "PNG", compress_level=1)
out = out.getvalue()
Path("/proc/self/clear_refs").write_text("5")
before = held()
with ThreadPoolExecutor(1) as thread:
    photos = list(thread.map(lambda _: open_photo(out, Limits()), range(3)))
    print(held() - before, held("VmHWM") - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose malloc is told")
def test_a_huge_picture_takes_little_more_than_its_pixels_and_gives_them_back():
    left, most = map(int, subprocess.check_output([sys.executable, "-c", HUGE]).split())
    # It has 175 MB as RGBA and as RGB, the bands between 90; a thread keeps 64.
    assert left < 150
    assert most < 420
