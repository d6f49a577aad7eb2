"""
Reads one file of a lexicon as TOML, and says what is wrong with it in words for a person who edits it.

Knows nothing of entries and their fields.
"""

import re
from pathlib import Path
from typing import Any

from rules.lexicon.problems import LexiconError, Problem
from schemas.input_files import UnfitFileError, parse_toml, read_small

#: Most bytes of one file. The largest included file has a twentieth of it.
LARGEST = 1_000_000
_CURLY = re.compile("[“”‘’„]")
_HEADER = re.compile(r"\[([^\[\]]+)\]")

Table = dict[str, Any]


def read_text(path: Path) -> str:
    """
    Return the text of a lexicon file.

    Raises:
        LexiconError: The file cannot be read, is too large, or is not UTF-8.

    """
    try:
        # Editors on Windows add a byte order mark, which TOML does not allow.
        return read_small(path, most_bytes=LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 at byte {error.start}; save it as UTF-8"
    except UnfitFileError as error:
        why = str(error)
    except (OSError, ValueError) as error:
        why = f"cannot be read: {getattr(error, 'strerror', None) or 'its name is not a valid file name'}"
    raise LexiconError((Problem(path, 0, why),))


def tables_in(path: Path, text: str) -> Table:
    """
    Return the tables in the text of a lexicon file.

    Raises:
        LexiconError: The text is not TOML, or nests too deep; with the line.

    """
    try:
        return parse_toml(text)
    except UnfitFileError as error:
        raise LexiconError((Problem(path, error.line, _readable(str(error), text, error.line)),)) from None


def entry_lines(text: str) -> dict[str, int]:
    """Return the line of every `[table]`; of `[table.part]` the first."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        found = _HEADER.match(line)
        if found is not None:
            lines.setdefault(found[1].strip().removeprefix('"').partition(".")[0].removesuffix('"'), number)
    return lines


def _readable(message: str, text: str, line: int) -> str:
    """Return what is wrong with a line that is not TOML, in words for a merchandiser."""
    lines = text.splitlines()
    written = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    if _CURLY.search(written):
        return 'has curly quotes: write straight ones ("), as a plain text editor does'
    header = re.fullmatch(r"\[([^\]\"]* [^\]\"]*)\]", written)
    if header is not None:
        return f"[{header[1]}] has a space: write [{'-'.join(header[1].lower().split())}]"
    return message
