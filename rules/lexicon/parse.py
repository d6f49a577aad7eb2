"""
Parses a lexicon: merges TOML files one over another, and records every problem with its place.

Knows nothing about matching.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rules.lexicon.aspects import Aspect, fault_of
from rules.lexicon.context import Context
from rules.lexicon.entries import Entry
from rules.lexicon.interests import Interest
from rules.lexicon.languages import Language
from rules.lexicon.problems import LexiconError, Problem, line_in_entry
from rules.lexicon.toml_file import Table, entry_lines, read_text, tables_in
from rules.text.normalize import is_cjk, normal_words

#: Most bytes of all files together.
LARGEST_FOLDER = 4_000_000
#: Most problems to report; finding more would take longer than a person reads.
MOST_PROBLEMS = 100
#: Stems of the files that contain something other than entries.
SPECIAL = ("context", "interests", "look")
#: Fields of an entry that may be at the top of a file, for all of its entries.
_FOR_ALL = ("ignored", "weave")
#: Fields of an entry that only control merging.
_MERGING = ("without", "off")

M = TypeVar("M", bound=BaseModel)


class Parser:
    """Tables by `category/name` (and `context/`, `interests/`, `look/name`), each with the place it was last given."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._places: dict[str, tuple[Path, int]] = {}
        self._texts: dict[Path, str] = {}
        self._problems: list[Problem] = []
        self._bytes = 0
        self._languages: list[Language] = []

    def copy(self) -> Self:
        """Return a parser that has read the same files. No table is ever changed in place, so both share them."""
        copied = type(self)()
        for name, value in vars(self).items():
            setattr(copied, name, copy(value))
        return copied

    def read(self, path: Path) -> None:
        """Merge a file over those read so far."""
        content = self._parsed(path)
        if "language" in content:
            self._read_language(path, content)
            return
        lines = entry_lines(self._texts.get(path, ""))
        category = path.stem if path.stem in SPECIAL else content.pop("category", path.stem)
        defaults = {name: content.pop(name) for name in _FOR_ALL if name in content}
        for name, table in content.items():
            key, place = f"{category}/{name}", (path, lines.get(name, 1))
            if not isinstance(table, dict):
                self._note(Problem(*place, f"'{name}' is outside of any [entry]"))
                continue
            given = table if category in SPECIAL else defaults | table
            other = self._places.get(key)
            if other is not None and other[0].parent == path.parent:
                message = f"[{name}] gives '{key}' a second time: {other[0].name}:{other[1]} gives it too"
                self._note(Problem(*place, message))
            self._tables[key] = _merged(self._tables.get(key, {}), given)
            self._places[key] = place

    def _read_language(self, path: Path, content: Table) -> None:
        """Add a language's words to the entries and the context."""
        try:
            language = Language.model_validate(content)
        except ValidationError as error:
            self._problems += [Problem(path, 1, _explained(detail, Language)) for detail in error.errors()]
            return
        self._languages.append(language)
        added: dict[tuple[str, str], Sequence[str]] = {}
        for field in ("words", "beside_percent", "traps"):
            for key, words in getattr(language, field).items():
                if key in self._tables:
                    added[key, field] = words if field == "traps" else language.with_elisions(words)
                else:
                    self._problems.append(Problem(path, 1, f"no file defines '{key}', for which it has words"))
        known = {(key, field): self._tables[key].get(field, ()) for key, field in added}
        for (key, field), merged in _with_new(known, added).items():
            self._tables[key] = self._tables[key] | {field: merged}
        name = language.language
        for group, fields in (("parts", language.parts), ("negations", language.negations)):
            self._add_context(group, {part: {"words": list(words)} for part, words in fields.items()})
        for group in ("fields", "fillers", "joiners", "trade"):
            self._add_context(group, {name: list(getattr(language, group))})

    def _add_context(self, group: str, tables: Table) -> None:
        key = f"context/{group}"
        self._tables[key] = _merged(self._tables.get(key, {}), tables)

    def languages(self) -> tuple[Language, ...]:
        """Return the languages whose files were read."""
        return tuple(self._languages)

    def entries(self) -> dict[str, Entry]:
        """Return the entries, by tag id."""
        keys = [key for key in self._kept() if key.partition("/")[0] not in SPECIAL]
        # Include aspects that are switched off, so that their values stay valid.
        aspects = {key.partition("/")[2] for key in self._tables if key.startswith("look/")}
        found: dict[str, Entry] = {}
        for key in keys:
            path, line = self._places[key]
            entry = self._made(Entry, key, {**self._fields(key), "id": key, "path": path, "line": line})
            if entry is not None:
                found[key] = entry
                self._check_words(key, entry)
                self._check_tags(key, (*entry.implies, *filter(None, [entry.opposite, entry.instead])), keys)
                if (fault := fault_of(entry, aspects)) is not None:
                    self._add(key, "seen", fault)
        return found

    def context(self) -> Context:
        """Return the context rules."""
        tables = {key.partition("/")[2]: table for key, table in self._tables.items() if key.startswith("context/")}
        return self._made(Context, "context/", tables) or Context()

    def interests(self) -> tuple[Interest, ...]:
        """Return the interests."""
        found = []
        for key in self._kept():
            if key.startswith("interests/"):
                name = key.partition("/")[2]
                interest = self._made(Interest, key, {**self._fields(key), "id": f"interest/{name}"})
                if interest is not None:
                    found.append(interest)
                    self._check_tags(key, interest.counted(), self._kept())
        return tuple(found)

    def aspects(self) -> tuple[Aspect, ...]:
        """Return the aspects that a look at the picture may return."""
        names = [key.partition("/")[2] for key in self._kept() if key.startswith("look/")]
        made = (self._made(Aspect, f"look/{name}", {**self._fields(f"look/{name}"), "name": name}) for name in names)
        return tuple(filter(None, made))

    def content(self) -> dict[str, Table]:
        """Return everything that was read, for the version."""
        return self._tables | {f"language/{one.language}": one.model_dump(mode="json") for one in self._languages}

    def raise_problems(self) -> None:
        """Raise a LexiconError if there are problems."""
        if self._problems:
            raise LexiconError(tuple(self._problems))

    def _note(self, problem: Problem) -> None:
        self._problems.append(problem)
        if len(self._problems) >= MOST_PROBLEMS:
            self.raise_problems()

    def _parsed(self, path: Path) -> Table:
        problems: tuple[Problem, ...]
        try:
            text = self._texts[path] = read_text(path)
            self._bytes += len(text.encode())
            if self._bytes <= LARGEST_FOLDER:
                return tables_in(path, text)
            problems = (Problem(path, 0, f"makes the lexicon larger than {LARGEST_FOLDER:,} bytes"),)
        except LexiconError as error:
            problems = error.problems
        for problem in problems:
            self._note(problem)
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
        known_tags = frozenset(known)
        for tag in tags:
            if tag not in known_tags:
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
        """Return the entry of another category that an incomplete new one may mean, for the message."""
        value = key.partition("/")[2]
        meant = next((known for known in self._tables if known != key and known.endswith(f"/{value}")), None)
        if meant is None:
            return ""
        category = meant.partition("/")[0]
        return f" for a new tag '{key}'; if {meant} is meant, begin the file with category = \"{category}\""

    def _add(self, key: str, sought: str, message: str) -> None:
        path, header = self._places.get(key, (Path(key), 0))
        line = line_in_entry(self._texts.get(path, "").splitlines(), header, sought)
        self._note(Problem(path, line, f"[{key.partition('/')[2]}] {message}"))


def _explained(detail: ErrorDetails, kind: type[BaseModel]) -> str:
    """Return what is wrong with a field, in words for a person who edits the file."""
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(name, kind.model_fields, n=1)
        return f"there is no field '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")
    if detail["type"] == "missing":
        return f"'{name}' is missing"
    if detail["type"] == "tuple_type" and isinstance(detail["input"], str):
        return f"'{name}' must be a list: write {name} = [\"{detail['input']}\"]"
    if name == "id":
        return "its id must be lower-case English words joined by '-', like category/trench-coat"
    if detail["type"] == "string_pattern_mismatch":
        return f"'{name}' must have a visible character, and a label no control or direction characters"
    return f"'{name}': {detail['msg']}"


def _merged(old: Table, new: Table) -> Table:
    """Append the new table's lists to the old one's, replace other values, and remove the words in `without`."""
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
        words = {item for item in unwanted if isinstance(item, str)}
        for name, value in merged.items():
            if isinstance(value, list) and name != "without":
                merged[name] = [item for item in value if not (isinstance(item, str) and item in words)]
    return merged


def _with_new(
    known: Mapping[tuple[str, str], Sequence[str]], added: Mapping[tuple[str, str], Sequence[str]]
) -> dict[tuple[str, str], list[str]]:
    """Append to each known list the added words that equal none of its words after normalization."""
    # All words at once: each call of the normalization costs as much as some hundred words.
    forms = iter(normal_words([word for place, words in added.items() for word in (*known[place], *words)]))
    merged = {}
    for place, words in added.items():
        seen = set(islice(forms, len(known[place])))
        found = merged[place] = list(known[place])
        for word, form in zip(words, islice(forms, len(words)), strict=True):
            if form not in seen:
                found.append(word)
                seen.add(form)
    return merged
