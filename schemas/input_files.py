"""
Reads small files that people and other programs write: only regular files, of bounded size, TOML of bounded depth.

Knows no meaning of what a file says.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

#: Most levels of nesting, and most parts of a dotted key: Python's TOML parser takes time in the square of the parts,
#: and one stack frame a level.
_DEEPEST: Final = 32
#: Strings and comments, which are passed over; then all that nests, ends a key, or joins its parts.
_SIGN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''(?:.|\n)*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}.,=\n]",
    re.DOTALL,
)


class UnfitFileError(ValueError):
    """The file is not one to read; the message says what it is instead. `line` counts from 1; 0 means all of it."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def read_small(path: Path, *, most_bytes: int) -> bytes:
    """
    Read a file, and never wait for one: a pipe or a device is refused.

    Raises:
        OSError: it cannot be read.
        UnfitFileError: it is no regular file, or has too many bytes.

    """
    # Opening a pipe without a writer would wait for one.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UnfitFileError("is not a regular file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise UnfitFileError(f"has more than {most_bytes:,} bytes")
    return content


def parse_toml(text: str) -> dict[str, Any]:
    """
    Parse TOML in time linear in its length.

    Raises:
        UnfitFileError: it is not TOML, nests too deep, or has a number that nobody could mean.

    """
    _check_shape(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise UnfitFileError(f"is not TOML: {error}", line) from None
    except ValueError:
        # An integer of more digits than Python turns into a number.
        raise UnfitFileError("has a number of too many digits") from None
    except RecursionError:
        raise UnfitFileError("nests too deep") from None


def _check_shape(text: str) -> None:
    depth = parts = 0
    line = 1
    for found in _SIGN.finditer(text):
        sign = found[0]
        line += sign.count("\n")
        if sign in "[{":
            depth, parts = depth + 1, 0
        elif sign in "]}":
            depth, parts = max(depth - 1, 0), 0
        elif sign == ".":
            parts += 1
        elif sign in ",=\n":
            parts = 0
        if depth > _DEEPEST or parts > _DEEPEST:
            raise UnfitFileError(f"nests deeper than {_DEEPEST} levels", line)
