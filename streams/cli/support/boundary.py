"""
Turns expected errors of commands into lines on stderr and an exit code.

Commands raise; they do not print errors. An exception that is not listed here is a bug and ends in a traceback.
"""

from collections.abc import Mapping
from typing import Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from typer.core import TyperGroup

from schemas.input_files import UnfitFileError
from streams.cli.support.terminal import plain
from streams.config.settings import Settings, UnusableError

#: Exit codes: a setting, option or file is not valid; an outside system does not respond or refuses.
UNUSABLE, UNAVAILABLE = 2, 1


class CommandError(Exception):
    """A command cannot continue. The message says what happened and what to do; `code` is the exit code."""

    def __init__(self, message: str, code: int = UNAVAILABLE) -> None:
        super().__init__(message)
        self.code = code


class Boundary(TyperGroup):
    """The root command. All commands run inside it, so it sees every exception."""

    def invoke(self, ctx: Any) -> object:
        """
        Run the chosen command.

        Raises:
            typer.Exit: The command raised an expected error, which has been printed to stderr.

        """
        try:
            return super().invoke(ctx)
        except Exception as error:
            explained = explain(error)
            if explained is None:
                raise
            lines, code = explained
            for line in lines:
                # A message may quote a file's content or name.
                typer.echo(plain(line), err=True)
            raise typer.Exit(code) from None


def explain(error: Exception) -> tuple[list[str], int] | None:
    """Return the lines and the exit code for an expected error; None for any other."""
    if isinstance(error, ValidationError):
        return (_settings(error), UNUSABLE) if error.title == Settings.__name__ else None
    if isinstance(error, SettingsError):
        # Only the error's text names the field. Its cause may quote the value.
        field, cause = str(error).split('"')[1], error.__cause__
        if isinstance(cause, UnfitFileError):
            return [f"HANGTAG_{field.upper()}: {cause}"], UNUSABLE
        why = type(cause).__name__
        return [f"HANGTAG_{field.upper()}: cannot be read ({why}); write lists and tables as JSON"], UNUSABLE
    if isinstance(error, CommandError):
        return [str(error)], error.code
    code = next((code for kind, code in _codes().items() if isinstance(error, kind)), None)
    if code is None:
        return None
    # Lexicons and labelled files have one line per problem.
    problems = getattr(error, "problems", None)
    return ([str(one) for one in problems] if problems else [str(error)]), code


def _settings(error: ValidationError) -> list[str]:
    return [
        "".join(f"HANGTAG_{part.upper()}: " for part in map(str, problem["loc"][:1]))
        + problem["msg"].removeprefix("Value error, ")
        for problem in error.errors(include_url=False, include_input=False)
    ]


def _codes() -> Mapping[type[Exception], int]:
    """Map expected errors to exit codes. Imports here, because only a failed command needs them."""
    from klaviyo_sink.account.campaigns import CampaignsError
    from klaviyo_sink.account.setup import SetupError
    from klaviyo_sink.api.client import UnusableEnvironmentError
    from rules.lexicon.problems import LexiconError
    from rules.quality.labelled import LabelsError
    from streams.kafka.clients import NoKafkaError
    from streams.kafka.reader import BadTimeError, UnreadableTopicError
    from streams.kafka.topics import FixedTopicsError
    from streams.operations.dead_letters import NoLettersError

    return {
        UnusableError: UNUSABLE,
        CampaignsError: UNUSABLE,
        UnusableEnvironmentError: UNUSABLE,
        LexiconError: UNUSABLE,
        LabelsError: UNUSABLE,
        BadTimeError: UNUSABLE,
        NoLettersError: UNUSABLE,
        UnreadableTopicError: UNUSABLE,
        NoKafkaError: UNAVAILABLE,
        FixedTopicsError: UNAVAILABLE,
        SetupError: UNAVAILABLE,
    }
