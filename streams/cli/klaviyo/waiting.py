"""Shows on stderr how far `hangtag klaviyo setup` is, and how long it waits for Klaviyo's limits. Sends no requests."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.text import Text

from klaviyo_sink.account.pace import most_left_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Task, TaskID

#: Seconds of waiting that are worth a line: a second passes between two flows anyway.
NOTICEABLE_S: Final = 2.0


class _Countdown(ProgressColumn):
    """Shows the seconds until the next request, and the most seconds until the setup ends."""

    def render(self, task: Task) -> Text:
        wait_s = task.fields["until"] - task.get_time()
        return Text(_sentence(task.fields["call"], wait_s, wait_s + task.fields["rest_s"]) if wait_s > 0 else "")


class SetupProgress:
    """The progress of one setup: a line that counts down in a terminal, else a line for each wait."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def done(self, campaigns: int) -> None:
        """Show how many campaigns are set up."""
        self._progress.update(self._task, completed=campaigns)

    def waits(self, call: str, seconds: float) -> None:
        """Show that the next call waits for so many seconds."""
        if seconds <= NOTICEABLE_S:
            return
        task = self._progress.tasks[self._task]
        left = int((task.total or 0) - task.completed)
        whole_s = most_left_s(left, seconds)
        until = self._progress.get_time() + seconds
        self._progress.update(self._task, call=call, until=until, rest_s=whole_s - seconds)
        if not self._progress.console.is_terminal:
            counted = f"{task.completed:.0f} of {task.total:.0f} campaigns"
            self._progress.console.print(f"{counted}: {_sentence(call, seconds, whole_s)}", soft_wrap=True)


@contextmanager
def shown(
    campaigns: int,
    *,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[SetupProgress]:
    """Show the progress of a setup of so many campaigns until the end of the block."""
    console = console or Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f} campaigns"), _Countdown())
    with Progress(
        *columns, console=console, get_time=clock, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=campaigns, until=0.0, rest_s=0.0, call="")
        yield SetupProgress(progress, task)


def _sentence(call: str, wait_s: float, whole_s: float) -> str:
    return f"Klaviyo accepts the next {call} in {wait_s:.0f} s; the setup takes at most {whole_s:.0f} s more"
