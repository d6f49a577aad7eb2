"""
Keeps child processes running: starts them, restarts them with backoff, passes signals on, and stops them at the end.

Knows commands and exit codes, not what the children do.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

log = structlog.get_logger()

#: Exit code of a child that must not be restarted before someone has checked it.
HALTED = 73
_PR_SET_PDEATHSIG = 1


def hangtag(*arguments: str) -> list[str]:
    """Return the command line that runs the `hangtag` of this installation."""
    return [sys.executable, "-m", "streams", *arguments]


@dataclass(slots=True)
class Child:
    """One child process and its current run."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    #: File for its stderr; None: ours.
    log: Path | None = None
    process: asyncio.subprocess.Process | None = None
    #: Its stdout, line by line, if captured; None at its end.
    lines: "asyncio.Queue[str | None]" = field(default_factory=asyncio.Queue)


async def start(child: Child, *, capture: bool = False) -> None:
    """Start a child that ends with this process, however that ends. `capture` puts its stdout in `child.lines`."""
    with contextlib.ExitStack() as stack:
        log_file = None if child.log is None else stack.enter_context(child.log.open("ab"))
        child.process = await asyncio.create_subprocess_exec(
            *child.command,
            env=dict(child.environment),
            stdout=asyncio.subprocess.PIPE if capture else log_file,
            stderr=log_file,
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=_prepared(os.getpid()),
            # Ctrl-C in a terminal reaches the whole foreground group. The children stop in order, when we tell them.
            start_new_session=True,
        )
    if capture:
        asyncio.get_running_loop().create_task(_collect(child))


async def stop(child: Child, *, grace_s: float) -> int | None:
    """Stop a child with SIGTERM, and after `grace_s` seconds with SIGKILL. Return its exit code."""
    process = child.process
    if process is None:
        return None
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            log.warning("child did not stop in time and was killed", child=child.name, grace_s=grace_s)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode


def pass_on(children: Sequence[Child], number: signal.Signals) -> None:
    """Send a signal to every running child."""
    for child in children:
        if child.process is not None and child.process.returncode is None:
            child.process.send_signal(number)


async def keep_running(
    children: Sequence[Child],
    stopping: asyncio.Event,
    *,
    grace_s: float,
    backoff_s: Callable[[int], float] = lambda failures: min(30.0, 0.5 * 2.0 ** min(failures, 10)),
) -> int:
    """
    Run every child until `stopping` is set or one halts on purpose. Return the exit code for this process.

    A child that ends otherwise is restarted after a growing pause; a minute of running resets the pause.
    """
    halted = asyncio.Event()

    async def keep(child: Child) -> None:
        failures = 0
        while not stopping.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await start(child)
            except OSError as error:
                # No memory or too many processes: treat it like an exit, because it may be temporary.
                log.error("child could not be started", child=child.name, error=type(error).__name__)  # noqa: TRY400 - expected
                code = None
            else:
                assert child.process is not None  # noqa: S101 - just started
                code = await child.process.wait()
            if stopping.is_set():
                return
            if code == HALTED:
                log.error("child halted on purpose, not restarted", child=child.name)
                halted.set()
                return
            failures = 0 if asyncio.get_running_loop().time() - began > 60 else failures + 1  # noqa: PLR2004 - a minute
            pause = backoff_s(failures)
            log.warning("child ended, restarting it", child=child.name, exit_code=code, in_s=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

    keepers = [asyncio.create_task(keep(child)) for child in children]
    events = [asyncio.create_task(event.wait()) for event in (stopping, halted)]
    await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
    stopping.set()
    await asyncio.gather(*(stop(child, grace_s=grace_s) for child in children))
    await asyncio.gather(*keepers)
    for event in events:
        event.cancel()
    return HALTED if halted.is_set() else 0


async def _collect(child: Child) -> None:
    assert child.process is not None  # noqa: S101 - started with capture
    assert child.process.stdout is not None  # noqa: S101 - started with capture
    async for line in child.process.stdout:
        child.lines.put_nowait(line.decode(errors="replace").rstrip("\n"))
    child.lines.put_nowait(None)


def _prepared(parent: int) -> Callable[[], None]:
    """
    Return what a child runs first: it ignores SIGHUP until it installs its own handler, or an early one would kill it.

    On Linux the kernel also stops the child when this process dies, even by kill -9.
    """
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None

    def prepare() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return prepare
