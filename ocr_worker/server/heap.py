"""
Keep the memory of one ordinary photo for the next, and none of a huge one. Knows no photo.

For the process that serves: a library must not decide this for whoever imports it.
"""

import ctypes
import sys

from PIL import Image

#: Parameters of mallopt(3), as numbered in glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: Bytes. glibc raises both to at most these by itself (mallopt(3): DEFAULT_MMAP_THRESHOLD_MAX, and twice that).
_LARGEST_KEPT = 32 * 1024 * 1024
_MOST_KEPT = 2 * _LARGEST_KEPT


def keep_freed_memory() -> bool:
    """
    Tell glibc to give up to 64 MiB per thread back to itself instead of to the kernel; call it before any threads.

    Left alone it gives the 8 MB that a photo of 12 MP took back after each, and every page of them is faulted in
    again for the next: a tenth of what the worker spends on a photo. It costs about 40 MB more a thread. Tells whether
    there is such a thing to tell: on other C libraries nothing is changed.

    Pillow takes large pictures in blocks of 16 MB, which glibc would keep too, a gigabyte of them after some of the
    largest; in blocks of 64 MB it gives them back.
    """
    if sys.platform != "linux":
        return False
    Image.core.set_block_size(_MOST_KEPT)  # type: ignore[attr-defined] # as PILLOW_BLOCK_SIZE does; untyped
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
    )
