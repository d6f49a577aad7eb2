"""What is wrong in a lexicon's or a labelled file, and where. Knows no rules of its own."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file: where, and what to do about it."""

    path: Path
    #: Counted from 1; 0 when the whole file is meant.
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class LexiconError(ValueError):
    """The lexicon cannot be used until a person mends it: `problems` says where and how."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def brief(self) -> str:
        """Name the first problem in one line, and where to see the rest."""
        more = len(self.problems) - 1
        return f"{self.problems[0]}" + (f" (and {more} more: see `hangtag rules check`)" if more else "")


def line_in_entry(lines: list[str], header: int, sought: str) -> int:
    """Find the line of an entry that holds a text, from the line of its header on; the header's when none does."""
    for number, line in enumerate(lines[header:], header + 1):
        if line.startswith("["):
            break
        if sought in line:
            return number
    return header
