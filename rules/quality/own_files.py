"""
Lists what is read of a shop's own lexicon folder, and what has no effect: skipped files, missing words.

Reads the folder; knows no command line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rules.lexicon.load import Lexicon, files_of, load_lexicon
from rules.lexicon.parse import LARGEST, entry_lines
from rules.lexicon.problems import LexiconError, Problem
from schemas.input_files import UnfitFileError, parse_toml, read_small

#: Lists of words in an entry from which `without` removes.
_LISTS = ("words", "beside_percent", "misread", "traps", "implies", "in_company", "weak", "yes", "no")
#: Most names to look at, in the folder and in each subfolder, because it may be a person's home folder.
_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The files of a folder with the names of their entries, and settings without effect."""

    read: dict[str, tuple[str, ...]]
    warnings: tuple[Problem, ...]


def own_files(folder: Path) -> OwnFiles:
    """
    List what is read of a folder that loads.

    Raises:
        LexiconError: A file has changed since `load_lexicon` accepted it.

    """
    shipped = load_lexicon()
    read: dict[str, tuple[str, ...]] = {}
    warnings = [*_passed_over(folder)]
    for path in files_of(folder):
        text, content = _parsed(path)
        read[path.name] = tuple(name for name, table in content.items() if isinstance(table, dict))
        warnings += _idle(path, text, content, shipped)
    return OwnFiles(read, tuple(warnings))


def _parsed(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = read_small(path, most_bytes=LARGEST).decode("utf-8-sig")
        return text, parse_toml(text)
    except UnfitFileError as error:
        raise LexiconError((Problem(path, error.line, str(error)),)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LexiconError((Problem(path, 0, f"cannot be read: {getattr(error, 'strerror', 'not UTF-8')}"),)) from None


def _passed_over(folder: Path) -> Iterator[Problem]:
    """Find files that are probably meant as lexicon files but are not read."""
    for path in sorted(islice(folder.iterdir(), _MOST_NAMES)):
        if path.is_dir() and any(below.suffix == ".toml" for below in islice(path.rglob("*"), _MOST_NAMES)):
            yield Problem(path, 0, "is a subfolder and not read: move its .toml files up")
        elif path.is_file() and path.suffix != ".toml" and ".toml" in path.name.lower():
            yield Problem(path, 0, f"is not read: rename it to {path.name[: path.name.lower().index('.toml')]}.toml")


def _idle(path: Path, text: str, content: dict[str, Any], shipped: Lexicon) -> Iterator[Problem]:
    """Find an `off` for a tag that does not exist, and a `without` for a word that the entry does not have."""
    if "language" in content:
        return
    lines = entry_lines(text)
    category = content.get("category", path.stem)
    for name, table in content.items():
        entry = shipped.entries.get(f"{category}/{name}")
        if not isinstance(table, dict) or category in {"context", "interests"}:
            continue
        if table.get("off") and entry is None:
            yield Problem(path, lines.get(name, 1), f"[{name}] is switched off, but there is no {category}/{name}")
        known = {word for field in _LISTS for word in (*getattr(entry, field, ()), *table.get(field, ()))}
        for word in table.get("without", ()):
            if word not in known:
                message = f"[{name}] without '{word}': no list of {category}/{name} has it"
                yield Problem(path, lines.get(name, 1), message)
