"""
Looks at everything that a running Hangtag needs and says what is wrong, and what to do. Mends nothing.

The checks themselves stand in `streams/checks`, one function each; here is their order, and how long they may take.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Final

from streams.config.settings import Settings
from streams.operations.checks import kafka, klaviyo, machine, photos, schemas
from streams.operations.checks.answer import Checked, Machine, fail

#: Longest a check may take, in seconds.
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
    """Run the checks of these names, or all, at the same time; gives each line as soon as it is known."""
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
        return [fail(name, f"no answer within {patience_s:g} s", "look at the network between here and there")]
    except Exception as error:  # noqa: BLE001 - the other checks' lines are worth having, whatever this one met
        # The class only: the message of an unknown exception may quote a secret.
        return [fail(name, f"the check itself failed ({type(error).__name__})", "tell whoever looks after Hangtag")]
