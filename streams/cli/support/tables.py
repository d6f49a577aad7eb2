"""Tables that never truncate cells, so that ids, topics and tags can be copied."""

import shutil
import sys

import typer
from rich.console import Console
from rich.table import Table

#: Columns of a console without a terminal, or with --wide: more than any line needs.
_WIDE = 10_000

WIDE = typer.Option(False, "--wide", help="One line per row, however long.")


def console(*, wide: bool = False) -> Console:
    """Return a console as wide as the terminal; without a terminal (a pipe, a file) each row is one line."""
    if wide:
        return Console(width=_WIDE)
    # Rich assumes 80 columns for a pipe. COLUMNS applies to a pipe, too.
    return Console() if sys.stdout.isatty() else Console(width=shutil.get_terminal_size((_WIDE, 0)).columns)


def table(*columns: str, title: str | None = None) -> Table:
    """Return a table whose long cells are folded."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
