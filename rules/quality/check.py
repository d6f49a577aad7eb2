"""
Finds problems of a lexicon that loads: duplicate words, words that never match, similar names, failing examples.

Knows no command line.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from rules.evidence.vocabulary import terms
from rules.lexicon.entries import Entry
from rules.lexicon.load import Lexicon
from rules.lexicon.problems import LexiconError, Problem, line_in_entry
from rules.lexicon.toml_file import read_text
from rules.quality.labelled import lines_of
from rules.tagger import Tagger
from rules.text.match import GIVING
from rules.text.normalize import normal_words

#: For each list of an entry, the text in which the tagger must find its words.
_FRAMES = {"words": "{}", "beside_percent": "100% {}", "misread": "100% {}"}


def check(lexicon: Lexicon) -> list[Problem]:
    """Return every problem by file and line, in order."""
    tagger = Tagger(lexicon)
    files = _Files()
    found = [*_claimed(lexicon, files), *_alike(lexicon)]
    for entry in lexicon.entries.values():
        found += _examples(entry, tagger, files)
        found += _unreachable(entry, tagger, files)
    return sorted(found, key=lambda problem: (str(problem.path), problem.line, problem.message))


class _Files:
    """Line numbers of words, from the files on disk."""

    def __init__(self) -> None:
        self._lines: dict[Path, list[str]] = {}

    def problem(self, entry: Entry, word: str, message: str) -> Problem:
        """Return a problem at the line of an entry with the quoted word, or at its header."""
        if entry.path not in self._lines:
            self._lines[entry.path] = _lines_of(entry.path)
        line = line_in_entry(self._lines[entry.path], entry.line, f'"{word}"')
        return Problem(entry.path, line, f"[{entry.value}] {message}")


def _lines_of(path: Path) -> list[str]:
    # The lexicon has just read the file. If it changed since, the problem is reported without its line.
    with suppress(LexiconError):
        return read_text(path).splitlines()
    return []


def _claimed(lexicon: Lexicon, files: _Files) -> Iterator[Problem]:
    """Find words that two entries have, words that one entry has twice, and traps that are also words."""
    claims: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for term in terms(lexicon):
        claims[term.text].append((term.kind, term.owner))
    for word, owners in claims.items():
        claimed = [(kind, owner) for kind, owner in owners if kind in {*GIVING, "ignored"}]
        for (_, first), (_, owner) in pairwise(claimed):
            entry = lexicon.entries[owner]
            whose = "twice in this entry" if first == owner else f"also a word of {first}: remove it from one of them"
            yield files.problem(entry, word, f"'{word}' is {whose}")
        for kind, owner in owners if claimed else ():
            if kind == "trap":
                value = claimed[0][1].partition("/")[2]
                message = f"the trap '{word}' is a word of {claimed[0][1]} already: remove it from one of them"
                message += f', or exclude it there: [{value}] without = ["{word}"]'
                yield files.problem(lexicon.entries[owner], word, message)


def _alike(lexicon: Lexicon) -> Iterator[Problem]:
    """Find tags whose ids or names people would confuse."""
    seen: dict[tuple[str, str], Entry] = {}
    for entry in lexicon.entries.values():
        bare = entry.value.replace("-", "").replace(".", "").removesuffix("s")
        for name in {bare, *normal_words([entry.en, entry.zh])}:
            other = seen.setdefault((entry.category, name), entry)
            if other is not entry:
                message = f"[{entry.value}] looks like {other.id}: '{name}' names both"
                yield Problem(entry.path, entry.line, message)


def _examples(entry: Entry, tagger: Tagger, files: _Files) -> Iterator[Problem]:
    if not (entry.seen and entry.wordless) and (not entry.no or not (entry.yes or entry.ignored)):
        yield files.problem(entry, "", "needs examples: a `yes` text that gives the tag and a `no` text that does not")
    for text in entry.yes:
        if not _gives(entry, text, tagger):
            yield files.problem(entry, text, f"the example '{text}' does not give the tag{_instead(text, tagger)}")
    for text in entry.no:
        if _gives(entry, text, tagger):
            yield files.problem(entry, text, f"the example '{text}' gives the tag, and must not")


def _unreachable(entry: Entry, tagger: Tagger, files: _Files) -> Iterator[Problem]:
    for name, frame in _FRAMES.items():
        for word in getattr(entry, name):
            text = frame.format(word)
            # Words in `in_company` give the tag only next to other words. The examples of their entry check them.
            if not entry.ignored and word not in entry.in_company and not _gives(entry, text, tagger):
                yield files.problem(entry, word, f"'{word}' never gives the tag{_instead(text, tagger)}")


def _gives(entry: Entry, text: str, tagger: Tagger) -> bool:
    wanted = entry.implies if entry.group else (entry.id,)
    return {tag.id for tag in tagger.tag(lines_of(text)).tags}.issuperset(wanted)


def _instead(text: str, tagger: Tagger) -> str:
    """Return what was found in a text, for the end of a message."""
    found = [
        f"'{one.word}' is {one.tag}" + (f" ({one.reason})" if one.reason else "")
        for one in tagger.tag(lines_of(text)).findings
    ]
    return ": " + ", ".join(found) if found else ": nothing is found in it"
