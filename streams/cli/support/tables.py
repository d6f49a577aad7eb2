"""Tables that never cut what they show: ids, topics and tags are there to be copied."""

import shutil
import sys

import typer
from rich.console import Console
from rich.table import Table

#: Columns of a console that is none, or that was asked to be wide: nothing that we print is longer.
_WIDE = 10_000

WIDE = typer.Option(False, "--wide", help="One line a row, however long.")


def console(*, wide: bool = False) -> Console:
    """Make a console as wide as the terminal; where there is none (a pipe, a file), each row is one line."""
    if wide:
        return Console(width=_WIDE)
    # Rich takes a pipe to be 80 wide. COLUMNS holds for a pipe, too.
    return Console() if sys.stdout.isatty() else Console(width=shutil.get_terminal_size((_WIDE, 0)).columns)


def table(*columns: str, title: str | None = None) -> Table:
    """Make a table whose cells fold where they are too long."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
