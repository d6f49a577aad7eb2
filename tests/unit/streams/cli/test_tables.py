"""Tables cut nothing, because a person copies ids from them."""

import subprocess
import sys

import pytest

LONG = "a" * 70 + "-" + "b" * 70
SCRIPT = f"""
from streams.cli.support.tables import console, table
shown = table("id", "topic", title="of {LONG}")
shown.add_row("{LONG}", "outfit.uploads")
console(wide=WIDE).print(shown)
"""


def printed(*, wide: bool, columns: str | None) -> str:
    environment = {} if columns is None else {"COLUMNS": columns}
    script = SCRIPT.replace("WIDE", str(wide))
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return done.stdout


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_a_cell_that_does_not_fit_folds(columns):
    shown = printed(wide=False, columns=columns)
    assert "…" not in shown
    cells = "".join(line.split("│")[1].strip() for line in shown.splitlines() if "│" in line)
    assert LONG in cells
    assert max(map(len, shown.splitlines())) <= int(columns)


@pytest.mark.parametrize(("wide", "columns"), [(True, "40"), (False, None)])
def test_with_wide_or_in_a_pipe_each_row_is_one_line(wide, columns):
    assert any(LONG in line and "outfit.uploads" in line for line in printed(wide=wide, columns=columns).splitlines())
