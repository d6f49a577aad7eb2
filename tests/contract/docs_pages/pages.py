"""Reads the pages of the documentation: their blocks of code, the commands in those, and the code in sentences."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
#: Generated pages are left out: docs/generate.py writes them from the code itself.
GENERATED = {f"docs/{name}.md" for name in ("commands", "configuration", "events", "http", "metrics")}
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "samples/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts and path.name != "CHANGELOG.md"
)
WRITTEN = [page for page in PAGES if page not in GENERATED]

_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
#: Words of the shell itself that may stand before a command.
_BEFORE = {"do", "then", "else", "{", "("}
_PUNCTUATION = set("();<>|&")


class Block(NamedTuple):
    """One block of code on a page."""

    page: str
    language: str
    text: str


class Command(NamedTuple):
    """One command of a block: the variables set for it, and its words."""

    block: Block
    variables: dict[str, str]
    words: list[str]

    def __str__(self) -> str:
        """Return the page and the command, for the name of a test."""
        return f"{self.block.page}: {' '.join(self.words or self.variables)}"[:100]


def blocks(page: str) -> list[Block]:
    """List the fenced blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, language, re.sub(rf"^{indent}", "", code, flags=re.MULTILINE))
        for indent, language, code in _FENCED.findall(text)
    ]


def prose(page: str) -> str:
    """Return a page without its blocks."""
    return _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))


def spans(page: str) -> list[str]:
    """List the `code` in the sentences and tables of a page; a span may run over a line break."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


def commands(page: str) -> list[Command]:
    """List the commands of a page's `bash`, `sh` and `console` blocks, in their order."""
    return [
        command
        for block in blocks(page)
        if block.language in {"bash", "sh", "console"}
        for line in _lines(block)
        for command in _split(block, line)
    ]


def _lines(block: Block) -> Iterator[str]:
    """Yield the lines that a shell reads: continued and quoted lines as one, without prompts and output."""
    whole = ""
    for line in block.text.splitlines():
        if block.language == "console" and not whole:
            if not line.startswith("$ "):
                continue
            whole = line.removeprefix("$ ")
        else:
            whole += line
        if whole.endswith("\\"):
            whole = whole.removesuffix("\\")
        elif _open(whole):
            whole += "\n"
        else:
            yield whole
            whole = ""
    assert not whole, f"{block.page}: a quote or a continued line does not end: {whole}"


def _open(line: str) -> bool:
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return True
    return False


def _split(block: Block, line: str) -> Iterator[Command]:
    """Split one line at `;`, `&`, `&&`, `|` and brackets into commands."""
    lexer = shlex.shlex(re.sub(r"\$\(\(.*?\)\)", "1", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for token in [*lexer, ";"]:
        if redirected:
            redirected = False
        elif set(token) <= set("<>"):
            redirected = True
        elif set(token) <= _PUNCTUATION:
            if words:
                yield from _command(block, words)
            words = []
        else:
            words.append(token)


def _command(block: Block, words: list[str]) -> Iterator[Command]:
    while words and words[0] in _BEFORE:
        words = words[1:]
    if not words or words[0] in {"for", "done", "fi", "}"}:
        return
    exported = words[0] == "export"
    variables: dict[str, str] = {}
    rest = words[1:] if exported else words
    while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
        variables[found[1]] = found[2]
        rest = rest[1:]
    yield Command(block, variables, ["export", *rest] if exported else rest)
