"""The shipped lexicon, read once for all of these tests."""

from collections.abc import Callable

import pytest

from rules.lexicon.load import Lexicon, load_lexicon
from rules.quality.labelled import lines_of
from rules.tagger import Tagger, Tagging
from schemas.events import TextLine


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.fixture(scope="session")
def tagger(lexicon: Lexicon) -> Tagger:
    return Tagger(lexicon)


@pytest.fixture(scope="session")
def tagged(tagger: Tagger) -> Callable[[str], Tagging]:
    """Tag a text as if OCR had read it perfectly, a line below a line."""
    return lambda text: tagger.tag(lines_of(text))


@pytest.fixture(scope="session")
def ids(tagged: Callable[[str], Tagging]) -> Callable[[str], set[str]]:
    return lambda text: {tag.id for tag in tagged(text).tags}


@pytest.fixture(scope="session")
def shares(tagged: Callable[[str], Tagging]) -> Callable[[str], dict[str, float]]:
    return lambda text: {tag.value: tag.share for tag in tagged(text).tags if tag.share is not None}


@pytest.fixture(scope="session")
def reasons(tagged: Callable[[str], Tagging]) -> Callable[[str], dict[str, str | None]]:
    return lambda text: {finding.tag: finding.reason for finding in tagged(text).suppressed}


@pytest.fixture(scope="session")
def place() -> Callable[..., TextLine]:
    """Make a line at a place."""

    def made(
        text: str, left: int = 0, top: int = 0, width: int = 200, height: int = 20, score: float = 0.9
    ) -> TextLine:
        return TextLine(text=text, bbox=(left, top, left + width, top + height), score=score)

    return made
