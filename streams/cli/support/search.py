"""The options that narrow a search for one upload, and the full search where the narrow one finds too little."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

import typer

if TYPE_CHECKING:
    from streams.kafka.reader import Within

Found = TypeVar("Found")

#: Seconds around an upload's time between which its messages are expected: clocks differ, and a chain may be behind.
_BEFORE_S, _AFTER_S = 60, 600

SHOPPER = typer.Option(None, help="Its shopper's id: read that shopper's partition only.")
SINCE = typer.Option(None, help="Search from here on: an age (15m, 2h, 7d) or an RFC 3339 time.")
AT = typer.Option(None, help="About when it was uploaded (as --since): read the ten minutes from then only.")
_ALL: Final = "not all of it is there, so all is read: its producer may have another partitioner, or the time is wrong"

_LATER: Final = "messages from after {:%Y-%m-%d %H:%M} UTC were not read: a retag or replay since then does not show"


def within(shopper: str | None, since: str | None, at: str | None) -> Within:
    """
    Read the options.

    Raises:
        BadParameter: --since and --at contradict each other, or the shopper's id is empty.

    """
    from streams.kafka.reader import Within, parse_since

    if since is not None and at is not None:
        raise typer.BadParameter("--since and --at exclude each other")
    if shopper == "":
        raise typer.BadParameter("an empty id is no shopper's", param_hint="--shopper")
    now = time.time()
    moment = parse_since(at, now=now)
    if moment is not None:
        return Within(moment - _BEFORE_S, moment + _AFTER_S, shopper)
    return Within(parse_since(since, now=now), None, shopper)


def search(
    narrow: Within,
    look: Callable[[Within], Found],
    is_whole: Callable[[Found], bool],
    has_ended: Callable[[Found], bool],
) -> Found:
    """
    Look within a part, and in more where that did not find the whole.

    An upload that has not ended within its ten minutes is looked for until now: it may have waited in an outage. One
    whose beginning is not there is looked for everywhere.
    """
    from streams.kafka.reader import Within

    found = look(narrow)
    if narrow.until is not None:
        if is_whole(found) and has_ended(found):
            if narrow.until < time.time():
                typer.echo(_LATER.format(datetime.fromtimestamp(narrow.until, UTC)), err=True)
            return found
        found = look(Within(narrow.since, None, narrow.key))
    wide = Within(None if narrow.until is not None else narrow.since)
    if narrow == wide or is_whole(found):
        return found
    typer.echo(_ALL, err=True)
    return look(wide)
