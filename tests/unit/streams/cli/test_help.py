"""What every command's help must be like."""

from collections.abc import Iterator
from importlib.metadata import version

import pytest
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from streams.cli.main import MEND, RUN, SET_UP, TRY, WATCH, app


def commands(command: object, *words: str) -> Iterator[tuple[str, object]]:
    yield " ".join(words), command
    if isinstance(command, TyperGroup):
        for name, one in command.commands.items():
            yield from commands(one, *words, name)


COMMANDS = dict(commands(get_command(app)))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself_by_h_and_help_alike(words):
    short, long = (CliRunner().invoke(app, [*words.split(), option]) for option in ("-h", "--help"))
    assert short.exit_code == long.exit_code == 0
    assert short.output == long.output
    assert "\\b" not in short.output
    assert "\x08" not in short.output


@pytest.mark.parametrize("words", COMMANDS)
def test_a_flag_that_is_off_by_default_has_no_option_that_switches_it_off(words):
    command = COMMANDS[words]
    assert isinstance(command, TyperCommand | TyperGroup)
    for option in command.params:
        if isinstance(option, TyperOption) and option.is_flag and option.default is False:
            assert option.secondary_opts == [], option.name


def test_every_command_is_in_the_help_panel_of_its_purpose():
    shown = CliRunner().invoke(app, ["--help"]).output
    for panel in (TRY, RUN, WATCH, MEND, SET_UP):
        assert f" {panel} " in shown
    assert " Commands " not in shown


def test_the_command_prints_its_version():
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"hangtag {version('hangtag')}\n")


def test_the_command_prints_completion_for_a_shell():
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output
