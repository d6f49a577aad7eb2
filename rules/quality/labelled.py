"""
Reads files of labelled texts, and of texts alone (JSON Lines), and reports what is wrong with a line.

Knows no tagger.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from rules.lexicon.entries import Data
from rules.lexicon.problems import Problem
from schemas.events import TagId, TextLine
from schemas.input_files import UnfitFileError, read_small

#: Most bytes of a labelled file or a corpus.
_LARGEST = 100_000_000
#: For `lines_of`, in pixels: the height of a line, the distance to the next, and the width of a letter.
_HEIGHT, _STEP, _LETTER = 20, 24, 12
#: A tag id, `category/*` for every tag of a category, or `*` for every tag.
TagPattern = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*/(\*|[a-z0-9]+([.-][a-z0-9]+)*)$|^\*$")]
M = TypeVar("M", bound=BaseModel)


class Labelled(Data):
    """
    One labelled text: the tags it must get, must not get, and may get.

    Every tag that is neither required nor acceptable is wrong, so `must_not` only names likely mistakes: such a text is
    a trap. Tags that come with others need not be listed. A line break in `text` makes several recognized lines. The
    short form has `tags` for `must`, the long form `lines` for `text`.
    """

    text: str = Field(repr=False)
    must: frozenset[TagId]
    must_not: frozenset[TagPattern] = frozenset()
    acceptable: frozenset[TagId] = frozenset()
    #: Language of the text (BCP 47); `mul` for several.
    lang: str = "und"
    #: Kind of text, by which the report counts.
    kind: str = "plain"
    #: For people: the source of the text.
    id: str = ""
    source: str = ""
    #: Tags of the text that no lexicon had when it was labelled. A lexicon that has one by now may give it.
    missing: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _either_form(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if "tags" in data and "must" not in data:
            data["must"] = data.pop("tags")
        lines = data.get("lines")
        if "text" not in data and isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            data["text"] = "\n".join(data.pop("lines"))
        return data

    @property
    def is_trap(self) -> bool:
        """Whether the text is there to provoke wrong tags."""
        return bool(self.must_not) or self.kind.startswith("trap")

    def forbids(self, tag_id: str) -> bool:
        """Return whether a tag is one of the mistakes that the text should provoke."""
        named = not self.must_not.isdisjoint(("*", tag_id, f"{tag_id.partition('/')[0]}/*"))
        return named and tag_id not in self.must | self.acceptable


class Composed(Data):
    """A composition line with its shares by component (part of the garment) and fibre name, labelled by a person."""

    text: str = Field(repr=False)
    components: dict[str, dict[str, float]]


class _Text(BaseModel):
    """A line of a corpus. Other fields are ignored, so that labelled lines are a corpus too."""

    model_config = ConfigDict(hide_input_in_errors=True)

    text: str = Field(repr=False)


class LabelsError(ValueError):
    """A labelled file or a corpus cannot be read: `problems` says where and why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def lines_of(text: str, score: float = 1.0) -> list[TextLine]:
    """Return recognized lines for a text, one below the other, as if OCR had read them with this score."""
    return [
        TextLine(text=line, bbox=(0, at * _STEP, max(len(line), 1) * _LETTER, at * _STEP + _HEIGHT), score=score)
        for at, line in enumerate(text.splitlines())
    ]


def read_labelled(path: Path) -> tuple[Labelled, ...]:
    """Read a labelled file; skips empty lines. Raises LabelsError with the place of every mistake."""
    return _read(path, Labelled)


def read_compositions(path: Path) -> tuple[Composed, ...]:
    """Read a file of composition lines. Raises LabelsError with the place of every mistake."""
    return _read(path, Composed)


def holds_compositions(path: Path) -> bool:
    """Return whether a file's first line is a composition line, not a labelled text. Raises LabelsError."""
    return '"components"' in next((line for line in _lines(path) if line.strip()), "")


def read_corpus(path: Path) -> tuple[str, ...]:
    """
    Read a corpus of plain texts, one per line, or of JSON objects with a `text`; skips empty lines.

    Raises:
        LabelsError: With the place of everything that is wrong.

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
            problems.append(Problem(path, number, _explained(error)))
    if problems:
        raise LabelsError(tuple(problems))
    return tuple(texts)


def _read(path: Path, kind: type[M]) -> tuple[M, ...]:
    rows: list[M] = []
    problems: list[Problem] = []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                rows.append(kind.model_validate_json(line))
            except ValidationError as error:
                problems.append(Problem(path, number, _explained(error)))
    if problems:
        raise LabelsError(tuple(problems))
    return tuple(rows)


def _lines(path: Path) -> list[str]:
    try:
        return read_small(path, most_bytes=_LARGEST).decode("utf-8-sig").split("\n")
    except OSError as error:
        raise LabelsError((Problem(path, 0, f"cannot be read: {error.strerror}"),)) from None
    except UnfitFileError as error:
        raise LabelsError((Problem(path, 0, str(error)),)) from None
    except UnicodeDecodeError as error:
        raise LabelsError((Problem(path, 0, f"is not UTF-8 at byte {error.start}; save it as UTF-8"),)) from None


def _explained(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors())
