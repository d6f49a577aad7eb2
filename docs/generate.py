"""Write the generated pages (reference, and the tree in architecture.md) and the documents in schemas/."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import typer.cli
import typer.main
import yaml
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from reference import events, http, metrics_page

from schemas.asyncapi import document
from schemas.export import json_schemas
from streams.cli.main import app
from streams.config.settings import Settings

ROOT = Path(__file__).parents[1]
PACKAGES = ("streams", "ocr_worker", "rules", "klaviyo_sink", "schemas")
TREE_FROM, TREE_TO = "<!-- tree: from the packages by `make docs` -->", "<!-- /tree -->"
HEAD = """\
# Configuration

Every setting, from `streams/config/settings.py` by `make docs`; do not edit by hand.
Set them as environment variables, in a file `.env`, or each in a file of its own in `HANGTAG_SECRETS_DIR`; the first
found in this order counts. Lists are written as JSON: `["http://a:8000", "http://b:8000"]`.

| variable | default | what it does |
|---|---|---|
"""


def configuration() -> str:
    """Return docs/configuration.md as text."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        if default is PydanticUndefined:
            shown = "(see right)"
        elif default is None:
            shown = "(none)"
        elif isinstance(default, tuple):
            shown = "`[" + ", ".join(f'"{one}"' for one in default) + "]`"
        else:
            shown = f"`{default}`"
        rows.append(f"| `HANGTAG_{name.upper()}` | {shown} | {field.description} |\n")
    return HEAD + "".join(rows)


def tree() -> str:
    """Return each folder of code with the first sentence of its package, in the order of the import layers."""
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    lines = []
    for package in PACKAGES:
        lines += [f"{package}/", f"    {_sentence(ROOT / package)}"]
        order = next((one["layers"] for one in layers if one.get("containers") == [package]), [])
        names = [name.strip() for layer in order for name in layer.split(":")]
        inside = {path.parent.name: path.parent for path in sorted((ROOT / package).glob("*/__init__.py"))}
        for name in sorted(inside, key=lambda one: names.index(one) if one in names else len(names)):
            lines.append(f"  {name + '/':14} {_sentence(inside[name])}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _sentence(package: Path) -> str:
    doc = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    return " ".join(doc.partition("\n\n")[0].split())


def architecture() -> str:
    """Return docs/architecture.md with today's tree between its marks."""
    before, _, rest = (ROOT / "docs" / "architecture.md").read_text().partition(TREE_FROM)
    return f"{before}{TREE_FROM}\n```text\n{tree()}\n```\n{TREE_TO}{rest.partition(TREE_TO)[2]}"


def commands() -> str:
    """Return docs/commands.md as text: the help of every command."""
    command = typer.main.get_command(app)
    context = command.make_context("hangtag", [], resilient_parsing=True)
    text = typer.cli.get_docs_for_click(obj=command, ctx=context, name="hangtag")
    # Typer cuts the summaries in its lists of commands: a link to the whole help serves better.
    lines, heading = [], "hangtag"
    for line in text.partition("\n")[2].splitlines():
        if line.startswith("#"):
            heading = line.strip("# `")
        name = re.fullmatch(r"\* `([a-z-]+)`: .*", line)
        link = f"[`{heading} {name[1]}`](#{heading.replace(' ', '-')}-{name[1]})" if name else ""
        lines.append(f"* {link}" if name and f"`{heading} {name[1]}`" in text else line.rstrip())
    head = "# Commands\n\nThe help of every command, by `make docs`; do not edit by hand.\n"
    return head + "\n".join(lines).rstrip() + "\n"


def asyncapi() -> str:
    """Return schemas/asyncapi.yaml as text."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    examples = {path.stem: json.loads(path.read_text()) for path in (ROOT / "schemas" / "examples").glob("*.json")}
    text = yaml.safe_dump(document(version, examples), allow_unicode=True, sort_keys=False, width=120)
    return f"# From schemas/ by `make docs`; do not edit by hand.\n{text}"


def files() -> dict[Path, str]:
    """Return every generated file's text."""
    schemas = {ROOT / "schemas" / "jsonschema" / name: text for name, text in json_schemas().items()}
    own = {
        ROOT / "docs" / "architecture.md": architecture(),
        ROOT / "docs" / "commands.md": commands(),
        ROOT / "docs" / "configuration.md": configuration(),
        ROOT / "docs" / "events.md": events(),
        ROOT / "docs" / "http.md": http(),
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "schemas" / "asyncapi.yaml": asyncapi(),
    }
    return own | schemas


def main() -> None:
    """Write them; with `--check`, only say which are stale and exit 1."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        sys.exit("\n".join(f"stale, run `make docs`: {path.relative_to(ROOT)}" for path in stale) or 0)
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files()[path])


if __name__ == "__main__":
    main()
