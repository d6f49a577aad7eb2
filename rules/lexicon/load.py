"""
Loads the versioned vocabulary: reads the included files and a shop's own, and merges them into one frozen Lexicon.

The only module of this package that reads files. Knows nothing about matching.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from rules.lexicon.aspects import Aspect
from rules.lexicon.context import Context
from rules.lexicon.entries import Entry
from rules.lexicon.interests import Interest
from rules.lexicon.languages import Language
from rules.lexicon.parse import Parser
from rules.lexicon.problems import LexiconError, Problem

#: The folder of the included vocabulary.
SHIPPED = Path(__file__).parent
#: Most files of a shop's own lexicon.
MOST_FILES = 200
#: Part of every lexicon's version. Increase it when the code reads the same text differently.
GRAMMAR = 5


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything the tagger knows. Immutable: a reload creates a new one, and the owner replaces the old one."""

    #: By tag id.
    entries: Mapping[str, Entry]
    context: Context
    interests: tuple[Interest, ...]
    #: The aspects that a look at the picture may return.
    aspects: tuple[Aspect, ...]
    languages: tuple[Language, ...]
    #: Twelve hex digits of a hash over the content: the same content has the same version, however it is split in
    #: files.
    version: str


def load_lexicon(own: Path | None = None, *, draft: Path | None = None) -> Lexicon:
    """
    Read the included lexicon, and merge a shop's own folder of `*.toml` files over it.

    An own entry with an existing id adds to its lists, replaces its labels, removes words (`without`) or switches it
    off (`off = true`). A `draft` is one more file, merged last. Takes about 0.5 s the first time, and 0.05 s then; call
    it again to reload the own files.

    Raises:
        LexiconError: With the file and line of everything that is wrong.

    """
    own_files = [] if own is None else files_of(own)
    drafts = [] if draft is None else [draft]
    return _read(_included().copy(), [*own_files, *drafts])


def files_of(own: Path) -> list[Path]:
    """
    Return the files of a shop's own folder, in the order in which they are merged.

    Raises:
        LexiconError: It is not a folder, or has too many files.

    """
    if not own.is_dir():
        raise LexiconError((Problem(own, 0, "is not a folder; a shop's lexicon is a folder of .toml files"),))
    files = list(islice(own.glob("*.toml"), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise LexiconError((Problem(own, 0, f"has more than {MOST_FILES} .toml files"),))
    return sorted(files)


def read_lexicon(paths: Iterable[Path]) -> Lexicon:
    """Read lexicon files, each merged over those before it. Raises as `load_lexicon`."""
    return _read(Parser(), paths)


@cache
def _included() -> Parser:
    """Read the included files, once: they are part of the program, and parsing takes most of a load's time."""
    parser = Parser()
    for path in (*sorted(SHIPPED.glob("*.toml")), *sorted((SHIPPED / "languages").glob("*.toml"))):
        parser.read(path)
    return parser


def _read(parser: Parser, paths: Iterable[Path]) -> Lexicon:
    for path in paths:
        parser.read(path)
    entries = parser.entries()
    context, interests, aspects = parser.context(), parser.interests(), parser.aspects()
    parser.raise_problems()
    # TOML has dates, which may appear in an entry that is switched off.
    content = json.dumps([GRAMMAR, parser.content()], sort_keys=True, ensure_ascii=True, default=str)
    version = sha256(content.encode()).hexdigest()[:12]
    return Lexicon(MappingProxyType(entries), context, interests, aspects, parser.languages(), version)
