"""Parses the words of a `hangtag` command by the command line's own parser, and runs nothing."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from streams.cli.main import app


@cache
def _hangtag() -> Any:
    return get_command(app)


def check(words: Sequence[str]) -> list[Path]:
    """
    Parse a command and list the paths among its values.

    Raises what the parser raises: an unknown command or option, a missing argument, a value of the wrong type.
    """
    command, context, name = _hangtag(), None, "hangtag"
    while True:
        context = command.make_context(name, list(words), parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not rest or not hasattr(command, "resolve_command"):
            return [path for value in context.params.values() for path in _paths(value)]
        name, command, words = command.resolve_command(context, rest)


def exists(words: Sequence[str]) -> None:
    """Check that the named command and options exist; arguments may be missing, as where a sentence names a command."""
    command = _hangtag()
    for at, word in enumerate(words):
        names = getattr(command, "commands", None)
        if names is None or word.startswith("-"):
            known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
            used = {part.partition("=")[0] for part in words[at:] if part.startswith("-") and part != "-"}
            assert used <= known | {"--help", "-h"}, f"{command.name} has no option {sorted(used - known)}"
            return
        assert word in names, f"{command.name} has no command {word}"
        command = names[word]


def _paths(value: Any) -> list[Path]:
    values = value if isinstance(value, list | tuple) else [value]
    return [one for one in values if isinstance(one, Path)]
