"""
Lists what is read of a shop's own lexicon folder, and what has no effect: skipped files, missing words.

Reads the folder; knows no command line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rules.lexicon.load import Lexicon, files_of, load_lexicon
from rules.lexicon.parse import SPECIAL
from rules.lexicon.problems import Problem
from rules.lexicon.toml_file import Table, entry_lines, read_text, tables_in

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
        text = read_text(path)
        content = tables_in(path, text)
        read[path.name] = tuple(name for name, table in content.items() if isinstance(table, dict))
        warnings += _idle(path, text, content, shipped)
    return OwnFiles(read, tuple(warnings))


def _passed_over(folder: Path) -> Iterator[Problem]:
    """Find files that are probably meant as lexicon files but are not read."""
    for path in sorted(islice(folder.iterdir(), _MOST_NAMES)):
        if path.is_dir() and any(below.suffix == ".toml" for below in islice(path.rglob("*"), _MOST_NAMES)):
            yield Problem(path, 0, "is a subfolder and not read: move its .toml files up")
        elif path.is_file() and path.suffix != ".toml" and ".toml" in path.name.lower():
            yield Problem(path, 0, f"is not read: rename it to {path.name[: path.name.lower().index('.toml')]}.toml")


def _idle(path: Path, text: str, content: Table, shipped: Lexicon) -> Iterator[Problem]:
    """Find an `off` for what does not exist, and a `without` for a word that the entry does not have."""
    category = path.stem if path.stem in SPECIAL else content.get("category", path.stem)
    if "language" in content or category == "context":
        return
    lines = entry_lines(text)
    known_ids = _ids_of(shipped)
    for name, table in content.items():
        if not isinstance(table, dict):
            continue
        key, line = f"{category}/{name}", lines.get(name, 1)
        if table.get("off") and key not in known_ids:
            yield Problem(path, line, f"[{name}] is switched off, but there is no {key}")
        entry = shipped.entries.get(key)
        known = {word for field in _LISTS for word in (*getattr(entry, field, ()), *table.get(field, ()))}
        for word in table.get("without", ()) if category not in SPECIAL else ():
            if word not in known:
                yield Problem(path, line, f"[{name}] without '{word}': no list of {key} has it")


def _ids_of(lexicon: Lexicon) -> frozenset[str]:
    """Return everything that a shop may switch off: tags, and aspects and interests by file and name."""
    aspects = (f"look/{aspect.name}" for aspect in lexicon.aspects)
    interests = (f"interests/{interest.id.partition('/')[2]}" for interest in lexicon.interests)
    return frozenset((*lexicon.entries, *aspects, *interests))
