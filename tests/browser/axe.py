"""axe-core from npm, which looks for what keeps people with disabilities from using a page."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NODE = Path(__file__).parent / "node"
#: Returns axe's findings for the whole page.
RUN = "axe.run(document, {resultTypes: ['violations']})"


def script() -> str:
    """Return axe-core as a script to run in the page; `npm.missing(NODE)` installs it."""
    return (NODE / "node_modules/axe-core/axe.min.js").read_text("utf-8")


def faults(found: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[str]:
    """Return each violation with its impact and the HTML of the first element that has it."""
    return [f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]
