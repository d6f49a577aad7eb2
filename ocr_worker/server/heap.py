"""
Configures glibc to keep the memory of ordinary photos, and to return that of huge ones. Knows no photo.

Only for the serving process: a library must not decide this for the program that imports it.
"""

import ctypes
import sys

from PIL import Image

#: Parameters of mallopt(3), as numbered in glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: Bytes. By itself glibc raises the two thresholds to at most these values (mallopt(3): DEFAULT_MMAP_THRESHOLD_MAX, and
#: twice that).
_LARGEST_KEPT = 32 * 1024 * 1024
_MOST_KEPT = 2 * _LARGEST_KEPT


def keep_freed_memory() -> bool:
    """
    Let glibc keep up to 64 MiB of freed memory per thread. Call it before starting threads.

    By default glibc returns the 8 MB of a 12 MP photo to the kernel after each photo. Every page then faults in again
    for the next photo, which takes a tenth of the worker's time. Keeping it costs about 40 MB more per thread.

    Pillow allocates large pictures in blocks of 16 MB, which glibc would keep too: a gigabyte after some of the largest
    photos. In blocks of 64 MB it returns them.

    Returns:
        Whether the C library has these settings; on others nothing changes.

    """
    if sys.platform != "linux":
        return False
    Image.core.set_block_size(_MOST_KEPT)  # type: ignore[attr-defined] # as PILLOW_BLOCK_SIZE does; untyped
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
    )
