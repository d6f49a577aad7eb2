"""
Detects an image format by its first bytes. Ignores file names and declared content types.

Knows no decoder.
"""

from typing import Literal

Format = Literal["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "HEIF", "AVIF"]

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
)
#: Brands of ISO 23008-12 (HEIF) and of AVIF, as listed at https://mp4ra.org/registered-types/brands.
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_LONGEST_FTYP = 256


def sniff(data: bytes) -> Format | None:
    """Return the format, or None if it is not supported."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    # The four reserved bytes exclude texts that begin with "BM".
    if data[:2] == b"BM" and data[6:10] == b"\x00\x00\x00\x00":
        return "BMP"
    if data[4:8] == b"ftyp":
        return _of_brands(data)
    return None


def _of_brands(data: bytes) -> Format | None:
    size = min(int.from_bytes(data[:4], "big"), _LONGEST_FTYP, len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}
    # An AVIF file may list mif1 first. AVIF is the more specific brand.
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None
