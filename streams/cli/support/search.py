"""Finds one upload for a command: by the index, or by a search that options narrow and that widens if needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from schemas.steady_clock import now as steady_now
from streams.cli.support.boundary import CommandError

if TYPE_CHECKING:
    from streams.config.settings import Settings
    from streams.index.lookup import UploadIndex
    from streams.kafka.within import Within

Found = TypeVar("Found")

#: Seconds around an upload's time in which its messages are expected: clocks differ, and stages may be behind.
_BEFORE_S, _AFTER_S = 60, 600

SHOPPER = typer.Option(None, help="Id of its shopper. Without an index: search only that shopper's partition.")
SINCE = typer.Option(None, help="Without an index: search since then, an age (15m, 2h, 7d) or an RFC 3339 time.")
AT = typer.Option(None, help="Without an index: about when it was uploaded (as --since); search ten minutes from then.")
_ALL: Final = (
    "messages are missing, so all are searched: its producer may use another partitioner, or the time is wrong"
)

_LATER: Final = "messages after {:%Y-%m-%d %H:%M} UTC were not searched: a later retag or replay is not shown"


def within(shopper: str | None, since: str | None, at: str | None) -> Within:
    """
    Return the part of the topics to search.

    Raises:
        BadParameter: --since and --at are both set, or the shopper's id is empty.

    """
    from streams.kafka.reader import parse_since
    from streams.kafka.within import Within

    if since is not None and at is not None:
        raise typer.BadParameter("use either --since or --at")
    if shopper == "":
        raise typer.BadParameter("the shopper's id is empty", param_hint="--shopper")
    now = steady_now().timestamp()
    moment = parse_since(at, now=now)
    if moment is not None:
        return Within(moment - _BEFORE_S, moment + _AFTER_S, shopper)
    return Within(parse_since(since, now=now), None, shopper)


@contextmanager
def indexed(settings: Settings) -> Iterator[UploadIndex | None]:
    """
    Open the index of uploads; None if there is none. With an index, the options to narrow the search have no effect.

    Raises:
        CommandError: the state database failed.
        UnreadableTopicError: no broker answered.

    """
    from sqlalchemy.exc import SQLAlchemyError

    from streams.index.lookup import open_index

    index = open_index(settings)
    try:
        yield index
    except SQLAlchemyError as error:
        raise CommandError(
            f"the state database failed ({type(error).__name__}): try again, or read the topics instead"
            " (HANGTAG_INDEX_UPLOADS=false)"
        ) from None
    finally:
        if index is not None:
            index.close()


def search(
    narrow: Within,
    look: Callable[[Within], Found],
    is_whole: Callable[[Found], bool],
    has_ended: Callable[[Found], bool],
) -> Found:
    """
    Search a part of the topics, and more of them if the upload is not complete.

    If the upload has not ended within its ten minutes, search until now: it may have waited in an outage. If its first
    message is missing, search everywhere.
    """
    from streams.kafka.within import Within

    found = look(narrow)
    if narrow.until is not None:
        if is_whole(found) and has_ended(found):
            if narrow.until < steady_now().timestamp():
                typer.echo(_LATER.format(datetime.fromtimestamp(narrow.until, UTC)), err=True)
            return found
        found = look(Within(narrow.since, None, narrow.key))
    wide = Within(None if narrow.until is not None else narrow.since)
    if narrow == wide or is_whole(found):
        return found
    typer.echo(_ALL, err=True)
    return look(wide)
