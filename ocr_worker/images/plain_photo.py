"""A photo that every engine must be able to read. Stored as a file, so that sending it needs no image library."""

from pathlib import Path

_FILE = Path(__file__).with_suffix(".jpg")


def plain_photo() -> bytes:
    """Return a JPEG of 640 x 480 px with "100% COTTON" in black print."""
    return _FILE.read_bytes()
