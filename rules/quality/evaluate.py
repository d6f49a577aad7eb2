"""
How good a lexicon is on lines that people labelled: precision, recall and F1; and what changes between two.

Pure. Knows the file format, not the command line.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rules.lexicon.entries import Data
from rules.lexicon.problems import Problem
from rules.tagger import Tagger
from schemas.events import TagId, TextLine

#: Height of a made-up line in pixels, its distance to the next, and the width of a letter.
_HEIGHT, _STEP, _LETTER = 20, 24, 12


class Labelled(Data):
    """
    One line of a labelled file (JSON Lines): a text and exactly the tags that it should get.

    Tags that others bring along need not be listed. `kind` groups the traps; a line break in `text` makes
    several recognized lines of it.
    """

    text: str = Field(repr=False)
    tags: frozenset[TagId]
    kind: str = "plain"


class _Text(BaseModel):
    """A line of a corpus; what else it holds is passed over, so that labelled lines are a corpus too."""

    model_config = ConfigDict(hide_input_in_errors=True)

    text: str = Field(repr=False)


class LabelsError(ValueError):
    """A labelled file or a corpus cannot be read: `problems` says where and why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Counts:
    """Tags that were right, given too much, and missed."""

    right: int = 0
    surplus: int = 0
    missed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.right + other.right, self.surplus + other.surplus, self.missed + other.missed)

    @property
    def precision(self) -> float:
        """The share of given tags that are right; 1 when none was given."""
        given = self.right + self.surplus
        return self.right / given if given else 1.0

    @property
    def recall(self) -> float:
        """The share of wanted tags that were given; 1 when none was wanted."""
        wanted = self.right + self.missed
        return self.right / wanted if wanted else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = 2 * self.right + self.surplus + self.missed
        return 2 * self.right / both if both else 1.0


@dataclass(frozen=True, slots=True)
class Miss:
    """A labelled line that got other tags than it should."""

    line: int
    labelled: Labelled
    surplus: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Counts by category and by kind of line, and every line that went wrong."""

    categories: dict[str, Counts]
    #: By kind: lines that got exactly their tags, and all lines.
    kinds: dict[str, tuple[int, int]]
    misses: tuple[Miss, ...]

    @property
    def total(self) -> Counts:
        """All categories together (micro average)."""
        return sum(self.categories.values(), Counts())


def lines_of(text: str, score: float = 1.0) -> list[TextLine]:
    """Make recognized lines of a text, one below the other, as if OCR had read them with this score."""
    return [
        TextLine(text=line, bbox=(0, at * _STEP, max(len(line), 1) * _LETTER, at * _STEP + _HEIGHT), score=score)
        for at, line in enumerate(text.splitlines())
    ]


def read_labelled(path: Path) -> tuple[Labelled, ...]:
    """
    Read a labelled file; empty lines are passed over.

    Raises:
        LabelsError: with the place of everything that is wrong.

    """
    labelled: list[Labelled] = []
    problems: list[Problem] = []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                labelled.append(Labelled.model_validate_json(line))
            except ValidationError as error:
                problems.append(Problem(path, number, _said(error)))
    if problems:
        raise LabelsError(tuple(problems))
    return tuple(labelled)


def read_corpus(path: Path) -> tuple[str, ...]:
    """
    Read a corpus of plain texts, one a line, or of JSON objects with a `text`; empty lines are passed over.

    Raises:
        LabelsError: with the place of everything that is wrong.

    """
    texts: list[str] = []
    problems: list[Problem] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.startswith("{"):
            texts += [line] if line.strip() else []
            continue
        try:
            texts.append(_Text.model_validate_json(line).text)
        except ValidationError as error:
            problems.append(Problem(path, number, _said(error)))
    if problems:
        raise LabelsError(tuple(problems))
    return tuple(texts)


def evaluate(tagger: Tagger, labelled: Sequence[Labelled]) -> Report:
    """Tag labelled lines and compare."""
    categories: dict[str, Counts] = {}
    right: Counter[str] = Counter()
    misses: list[Miss] = []
    for number, one in enumerate(labelled, 1):
        wanted = {tag for label in one.tags for tag in tagger.brought_by(label)}
        given = {tag.id for tag in tagger.tag(lines_of(one.text)).tags}
        for tags, counts in (
            (given & wanted, Counts(right=1)),
            (given - wanted, Counts(surplus=1)),
            (wanted - given, Counts(missed=1)),
        ):
            for tag in tags:
                category = tag.partition("/")[0]
                categories[category] = categories.get(category, Counts()) + counts
        right[one.kind] += given == wanted
        if given != wanted:
            misses.append(Miss(number, one, tuple(sorted(given - wanted)), tuple(sorted(wanted - given))))
    of_kind = Counter(one.kind for one in labelled)
    kinds = {kind: (right[kind], of_kind[kind]) for kind in sorted(of_kind)}
    return Report(dict(sorted(categories.items())), kinds, tuple(misses))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise LabelsError((Problem(path, 0, f"cannot be read: {error.strerror}"),)) from None
    except UnicodeDecodeError as error:
        raise LabelsError((Problem(path, 0, f"is not UTF-8 at byte {error.start}; save it as UTF-8"),)) from None


def _said(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors())
