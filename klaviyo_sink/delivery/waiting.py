"""Waits for a group of coroutines, so that none of them outlives the caller."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def all_finished(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """
    Run coroutines concurrently and return their results in order.

    If one raises, the others are still awaited to their end before the first exception is raised. A request in flight
    cannot be recalled, and must not arrive after the next write of the same shopper.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
