"""A problem in a lexicon file or a labelled file, and its place. Knows no rules."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a file: where, and what to do."""

    path: Path
    #: From 1; 0 means the whole file.
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class LexiconError(ValueError):
    """The lexicon cannot be used until a person corrects it: `problems` says where and how."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def brief(self) -> str:
        """Return the first problem in one line, and where to see the others."""
        more = len(self.problems) - 1
        return f"{self.problems[0]}" + (f" (and {more} more: see `hangtag rules check`)" if more else "")


def line_in_entry(lines: list[str], header: int, sought: str) -> int:
    """Return the line of an entry that contains a text, from its header on; the header's line if none does."""
    for number, line in enumerate(lines[header:], header + 1):
        if line.startswith("["):
            break
        if sought in line:
            return number
    return header
