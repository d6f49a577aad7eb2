"""The lexicon that the commands of `hangtag rules` work with, and its problems as lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from streams.cli.support.terminal import plain
from streams.config.settings import Settings

if TYPE_CHECKING:
    from rules.lexicon.problems import Problem
    from rules.tagger import Tagger

OWN = typer.Option(None, "--lexicon", help="Folder of a shop's own lexicon; default: HANGTAG_LEXICON.")


def own_folder(own: Path | None) -> Path | None:
    """Give the folder of the shop's own lexicon: the option's, or the setting's."""
    return own or Settings().lexicon


def tagger_of(own: Path | None) -> "Tagger":
    """Load a lexicon, the shipped one merged with a shop's own."""
    from rules.lexicon.load import load_lexicon
    from rules.tagger import Tagger

    return Tagger(load_lexicon(own))


def print_problems(problems: "Sequence[Problem]") -> None:
    """Print problems to standard error, a line each."""
    for problem in problems:
        typer.echo(plain(str(problem)), err=True)
