"""
Runs the checks of `hangtag doctor`. Repairs nothing.

The checks are in `streams/operations/checks`, one function each. This module has their order and their time limit.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Final

from streams.config.settings import Settings
from streams.operations.checks import kafka, klaviyo, look, machine, photos, schemas
from streams.operations.checks.answer import Checked, Machine, fail

#: Longest time for a check, in seconds.
PATIENCE_S: Final = 30

Check = Callable[[Settings, Machine], Awaitable[list[Checked]]]

CHECKS: Final[dict[str, Check]] = {
    "broker": kafka.broker,
    "topics": kafka.topics,
    "schemas": schemas.schemas,
    "lag": kafka.lag,
    "partitioner": kafka.partitioner,
    "store": photos.store,
    "ocr": photos.ocr,
    "look": look.look,
    "lexicon": machine.lexicon,
    "klaviyo": klaviyo.klaviyo,
    "clock": klaviyo.clock,
    "state": machine.state,
    "files": machine.files,
    "disk": machine.disk,
}


async def examine(
    settings: Settings, machine: Machine | None = None, only: Collection[str] = (), patience_s: float = PATIENCE_S
) -> AsyncIterator[Checked]:
    """Run the named checks (default: all) at the same time; yields each result when it is known."""
    around = machine or Machine()
    wanted = [name for name in CHECKS if not only or name in only]
    for done in asyncio.as_completed([_one(name, settings, around, patience_s) for name in wanted]):
        for line in await done:
            yield line


async def _one(name: str, settings: Settings, machine: Machine, patience_s: float) -> list[Checked]:
    try:
        async with asyncio.timeout(patience_s):
            return await CHECKS[name](settings, machine)
    except TimeoutError:
        return [fail(name, f"no result within {patience_s:g} s", "check the network from here to there")]
    except Exception as error:  # noqa: BLE001 - the other checks' lines are worth having, whatever this one met
        # Show the class only, because the message of an unknown exception may quote a secret.
        return [fail(name, f"the check itself failed ({type(error).__name__})", "report this to Hangtag's maintainers")]
