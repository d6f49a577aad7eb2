"""A photo that any reader must read. It is a file, so that a process that only sends it needs no decoder."""

from pathlib import Path

_FILE = Path(__file__).with_suffix(".jpg")


def plain_photo() -> bytes:
    """Return "100% COTTON" in black print, a JPEG of 640 x 480 px."""
    return _FILE.read_bytes()
