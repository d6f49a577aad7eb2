"""Check of the Schema Registry, if one is configured."""

import asyncio

from streams.config.settings import Settings
from streams.kafka.schema_registry import RegistryError, frames
from streams.operations.checks.answer import Checked, Machine, fail, ok


async def schemas(settings: Settings, _machine: Machine) -> list[Checked]:
    """Check that the schema of every event is registered."""
    if not settings.schema_registry_url:
        return [ok("schemas", "no Schema Registry is configured: events are plain JSON")]
    try:
        found = await asyncio.to_thread(frames, settings)
    except RegistryError as error:
        trouble, _, advice = str(error).partition(". ")
        return [fail("schemas", trouble, advice)]
    return [ok("schemas", f"all {len(found)} are registered")]
