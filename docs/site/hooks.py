"""
What mkdocs cannot know: the README is the first page, and pages link to files outside docs/.

mkdocs calls these functions by their names (https://www.mkdocs.org/user-guide/configuration/#hooks).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
#: A link of a page to a file beside docs/.
_OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")
#: A link of the README or of a page at the top to a file of the site.
_INSIDE = re.compile(r"\]\(docs/")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the READMEs as pages, and every file outside docs/ that a page links to."""
    for source, page in (("README.md", "index.md"), ("README.zh.md", "index.zh.md")):
        text = _examples(_INSIDE.sub("](", (ROOT / source).read_text()))
        text = text.replace("](README.zh.md)", "](index.zh.md)").replace("](README.md)", "](index.md)")
        files.append(File.generated(config, page, content=text.replace("](CONTRIBUTING.md)", "](contributing.md)")))
    contributing = _INSIDE.sub("](", (ROOT / "CONTRIBUTING.md").read_text())
    files.append(File.generated(config, "contributing.md", content=_outside(contributing)))
    files.append(File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text()))
    examples = (ROOT / "examples" / "README.md").read_text().replace("](../docs/", "](")
    files.append(File.generated(config, "examples.md", content=_outside(examples, "examples/")))
    for page in [one for one in files if one.src_uri.endswith(".md")]:
        for name in _OUTSIDE.findall(_examples(page.content_string)):
            for path in _files_of(ROOT / name):
                uri = f"files/{path.relative_to(ROOT)}"
                if files.get_file_from_path(uri) is None:
                    files.append(File.generated(config, uri, content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links to files outside docs/ at their copies (a folder's link at its first file), and indent lists."""
    text = _OUTSIDE.sub(lambda link: f"](files/{_files_of(ROOT / link[1])[0].relative_to(ROOT)}", _examples(markdown))
    return "\n".join(_indented(text.split("\n")))


def _indented(lines: list[str]) -> Iterator[str]:
    """
    Indent what belongs to a list item by four columns per level, which Python-Markdown requires.

    The pages indent it by the width of the item's marker (`- ` two columns, `1. ` three), as GitHub requires.
    """
    fence: int | None = None
    for line in lines:
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        within = indent if fence is None else min(fence, indent)
        yield " " * 4 * -(-within // 3) + line[within:]
        if text.startswith("```"):
            fence = indent if fence is None else None


def _examples(text: str) -> str:
    """Point links to the README of examples/ at its page."""
    return re.sub(r"\]\((?:\.\./)?examples/README\.md", "](examples.md", text)


def _outside(text: str, folder: str = "") -> str:
    """Turn the links of a page in `folder` into those of a page of docs/."""
    return re.sub(r"\]\((?!https?:|#|[a-z]+\.md)([^)]+)\)", rf"](../{folder}\1)", text)


def _files_of(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
