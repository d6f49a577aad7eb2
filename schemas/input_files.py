"""
Reads small files that people and other programs write: only regular files, of limited size, TOML of limited depth.

Knows nothing about the content of the files.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

#: Limit on levels of nesting and on parts of a dotted key. Python's TOML parser needs time quadratic in the parts, and
#: one stack frame per level.
_DEEPEST: Final = 32
#: First strings and comments, which are skipped; then every character that nests, ends a key or joins its parts.
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
    """The file cannot be used; the message says why. `line` counts from 1, and is 0 when it means the whole file."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def read_small(path: Path, *, most_bytes: int) -> bytes:
    """
    Read a file without ever blocking: a pipe or a device is rejected.

    Raises:
        OSError: The file cannot be read.
        UnfitFileError: It is not a regular file, or has more than `most_bytes` bytes.

    """
    # Without O_NONBLOCK, opening a pipe blocks until somebody writes to it.
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
        UnfitFileError: The text is not TOML, nests too deep, or has an integer of too many digits.

    """
    _check_shape(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise UnfitFileError(f"is not TOML: {error}", line) from None
    except ValueError:
        # Python refuses to convert integers of more than some thousand digits.
        raise UnfitFileError("has a number with too many digits") from None
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
