"""Waits for coroutines that belong together, so that none of them outlives the work it was started for."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def all_finished(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """
    Run coroutines side by side and give their results in order.

    When one raises, the others are still awaited to their end, and only then the first exception is raised: a request
    that is on its way cannot be called back, and must not land after the next write of the same shopper.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
