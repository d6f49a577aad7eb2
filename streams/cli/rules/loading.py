"""Loads the lexicon for the commands of `hangtag rules`, and prints its problems."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from streams.cli.support.terminal import plain
from streams.config.settings import Settings

if TYPE_CHECKING:
    from rules.lexicon.problems import Problem
    from rules.tagger import Tagger

OWN = typer.Option(None, "--lexicon", help="Folder of the shop's own lexicon. Default: HANGTAG_LEXICON.")


def own_folder(own: Path | None) -> Path | None:
    """Return the folder of the shop's own lexicon, from the option or the setting."""
    return own or Settings().lexicon


def tagger_of(own: Path | None) -> "Tagger":
    """Load the included lexicon merged with the shop's own."""
    from rules.lexicon.load import load_lexicon
    from rules.tagger import Tagger

    return Tagger(load_lexicon(own))


def print_problems(problems: "Sequence[Problem]") -> None:
    """Print one problem per line to stderr."""
    for problem in problems:
        typer.echo(plain(str(problem)), err=True)
