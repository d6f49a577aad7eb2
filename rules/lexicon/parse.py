"""
A lexicon on its way in: TOML files merged one over another, with a note of every problem and its place.

Knows nothing of matching.
"""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rules.lexicon.context import Context
from rules.lexicon.entries import Entry
from rules.lexicon.interests import Interest
from rules.lexicon.problems import LexiconError, Problem, line_in_entry
from rules.text.normalize import is_cjk

#: Stems of the files that hold something else than entries.
_SPECIAL = ("context", "interests")
#: Fields of an entry that may stand at the top of a file, for all of its entries.
_FOR_ALL = ("ignored", "weave")
#: Fields of an entry that only say how it is merged.
_MERGING = ("without", "off")
_HEADER = re.compile(r"^\[\s*\"?([^\[\]\"]+?)\"?\s*\]", re.MULTILINE)

Table = dict[str, Any]
M = TypeVar("M", bound=BaseModel)


class Parser:
    """Tables by `category/name` (`context/name` and `interests/name` too), each with the place it was last given."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._places: dict[str, tuple[Path, int]] = {}
        self._texts: dict[Path, str] = {}
        self._problems: list[Problem] = []

    def read(self, path: Path) -> None:
        """Merge a file over what was read so far."""
        content = self._parsed(path)
        lines = _header_lines(self._texts.get(path, ""))
        category = path.stem if path.stem in _SPECIAL else content.pop("category", path.stem)
        defaults = {name: content.pop(name) for name in _FOR_ALL if name in content}
        for name, table in content.items():
            key, place = f"{category}/{name}", (path, lines.get(name, 1))
            if not isinstance(table, dict):
                self._problems.append(Problem(*place, f"'{name}' stands outside of any [entry]"))
                continue
            given = table if category in _SPECIAL else defaults | table
            other = self._places.get(key)
            if other is not None and other[0].parent == path.parent:
                message = f"[{name}] gives '{key}' a second time: {other[0].name}:{other[1]} gives it too"
                self._problems.append(Problem(*place, message))
            self._tables[key] = _merged(self._tables.get(key, {}), given)
            self._places[key] = place

    def entries(self) -> dict[str, Entry]:
        """Make the entries, by tag id."""
        keys = [key for key in self._kept() if key.partition("/")[0] not in _SPECIAL]
        found: dict[str, Entry] = {}
        for key in keys:
            path, line = self._places[key]
            entry = self._made(Entry, key, {**self._fields(key), "id": key, "path": path, "line": line})
            if entry is not None:
                found[key] = entry
                self._check_words(key, entry)
                self._check_tags(key, entry.implies, keys)
        return found

    def context(self) -> Context:
        """Make the context rules."""
        tables = {key.partition("/")[2]: table for key, table in self._tables.items() if key.startswith("context/")}
        return self._made(Context, "context/", tables) or Context()

    def interests(self) -> tuple[Interest, ...]:
        """Make the interests."""
        found = []
        for key in self._kept():
            if key.startswith("interests/"):
                name = key.partition("/")[2]
                interest = self._made(Interest, key, {**self._fields(key), "id": f"interest/{name}"})
                if interest is not None:
                    found.append(interest)
                    self._check_tags(key, interest.counted(), self._kept())
        return tuple(found)

    def content(self) -> dict[str, Table]:
        """Everything that was read, for the version."""
        return self._tables

    def raise_problems(self) -> None:
        """Raise a LexiconError when anything was wrong."""
        if self._problems:
            raise LexiconError(tuple(self._problems))

    def _parsed(self, path: Path) -> Table:
        try:
            # Editors on Windows put a byte order mark in front, which TOML knows nothing of.
            text = self._texts[path] = path.read_text(encoding="utf-8-sig")
            return tomllib.loads(text)
        except UnicodeDecodeError as error:
            self._problems.append(Problem(path, 0, f"is not UTF-8 at byte {error.start}; save it as UTF-8"))
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"at line (\d+)", str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            self._problems.append(Problem(path, line, f"is not TOML: {error}"))
        except OSError as error:
            self._problems.append(Problem(path, 0, f"cannot be read: {error.strerror}"))
        return {}

    def _kept(self) -> list[str]:
        return [key for key, table in self._tables.items() if not table.get("off")]

    def _fields(self, key: str) -> Table:
        return {name: value for name, value in self._tables[key].items() if name not in _MERGING}

    def _check_words(self, key: str, entry: Entry) -> None:
        for word in (*entry.words, *entry.beside_percent, *entry.misread, *entry.traps):
            if len(word.strip()) == 1 and not is_cjk(word.strip()):
                self._add(key, f'"{word}"', f"'{word}' is one letter: it would be found everywhere; write the word out")

    def _check_tags(self, key: str, tags: tuple[str, ...], known: list[str]) -> None:
        for tag in tags:
            if tag not in known:
                near = get_close_matches(tag, known, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                self._add(key, f'"{tag}"', f"no file defines '{tag}'{hint}")

    def _made(self, kind: type[M], key: str, fields: Table) -> M | None:
        try:
            return kind.model_validate(fields)
        except ValidationError as error:
            for detail in error.errors():
                name = f"context/{detail['loc'][0]}" if key == "context/" else key
                hint = self._meant(key) if kind is Entry and detail["type"] == "missing" else ""
                message = _explained(detail, kind) + hint
                self._add(name, str(detail["loc"][0]) if detail["loc"] else "", message)
            return None

    def _meant(self, key: str) -> str:
        """Name the entry of another category that a new one, which lacks something, may stand for."""
        value = key.partition("/")[2]
        meant = next((known for known in self._tables if known != key and known.endswith(f"/{value}")), None)
        if meant is None:
            return ""
        category = meant.partition("/")[0]
        return f" for a new tag '{key}'; if {meant} is meant, begin the file with category = \"{category}\""

    def _add(self, key: str, sought: str, message: str) -> None:
        path, header = self._places.get(key, (Path(key), 0))
        line = line_in_entry(self._texts.get(path, "").splitlines(), header, sought)
        self._problems.append(Problem(path, line, f"[{key.partition('/')[2]}] {message}"))


def _explained(detail: ErrorDetails, kind: type[BaseModel]) -> str:
    """Say what is wrong with a field, as one says it to somebody who edits the file."""
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(name, kind.model_fields, n=1)
        return f"there is no field '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")
    if detail["type"] == "missing":
        return f"'{name}' is missing"
    if name == "id":
        return "its id must be lower-case English words joined by '-', like category/trench-coat"
    return f"'{name}': {detail['msg']}"


def _merged(old: Table, new: Table) -> Table:
    """Add the new table's lists to the old one's, replace the rest, and take away what stands in `without`."""
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        if isinstance(before, list) and isinstance(value, list):
            merged[name] = [*before, *value]
        elif isinstance(before, dict) and isinstance(value, dict):
            merged[name] = _merged(before, value)
        else:
            merged[name] = value
    unwanted = new.get("without", ())
    if isinstance(unwanted, list):
        for name, value in merged.items():
            if isinstance(value, list) and name != "without":
                merged[name] = [item for item in value if item not in unwanted]
    return merged


def _header_lines(text: str) -> dict[str, int]:
    """Find the line of every `[table]`; of `[table.part]` the first."""
    lines: dict[str, int] = {}
    for found in _HEADER.finditer(text):
        lines.setdefault(found[1].partition(".")[0], text.count("\n", 0, found.start()) + 1)
    return lines
