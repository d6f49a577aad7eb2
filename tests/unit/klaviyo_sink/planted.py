"""Plants a fault in a function of the package: one piece of its source is replaced, for as long as a test wants."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def planted(function: Callable[..., Any], piece: str, instead: str) -> Iterator[None]:
    """
    Let a function run with other source, also for those who imported it before.

    `piece` must occur once, so that a fault whose place was rewritten is noticed.
    """
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(piece) == 1, f"{function.__qualname__} has {source.count(piece)} times {piece!r}"
    made: dict[str, Any] = {}
    code = compile(source.replace(piece, instead), f"<{function.__qualname__}>", "exec")
    exec(code, function.__globals__, made)  # noqa: S102 - the package's own source
    before = function.__code__
    function.__code__ = made[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = before
