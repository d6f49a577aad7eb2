"""Faust's consumer, mended where it reads again and in what handing a message over costs. Knows no stage."""

import asyncio
from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from mode.services import WaitResults

from streams.runtime.window import Partition


class StageConsumer(Consumer):  # type: ignore[misc]  # faust has no type information here
    """Faust's consumer, which can go back to where a partition starts too."""

    async def seek_to_committed(self) -> dict[TP, int | None]:
        """
        Stand at each partition's commit, or where it starts when the group has none. Gives the commits.

        Faust comes here to go back over records that it fetched and threw away around a rebalance.
        Without a commit above zero aiokafka stays where it is, behind them: nobody would get them.
        """
        committed: dict[TP, int | None] = await super().seek_to_committed()
        places = {tp: self.app.first_offset(Partition(tp.topic, tp.partition)) for tp in committed if not committed[tp]}
        await self._thread.seek_wait({tp: start for tp, start in places.items() if start is not None})
        return committed

    async def wait_first(self, *coros: Any, **options: Any) -> Any:
        """
        Wait for the first of several, or for the end.

        Faust comes here with each message, to hand it over unless the flow ends meanwhile, and starts four tasks for
        it: a sixth of what an event cost a stage. Nearly always it is handed over at once, and nobody need wait.
        """
        if len(coros) != 2 or options:  # noqa: PLR2004 - handing over, and the flow's end
            return await super().wait_first(*coros, **options)
        handing_over, flow_ends = asyncio.ensure_future(coros[0]), coros[1]
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            handing_over.cancel()
            flow_ends.close()
            raise
        if not handing_over.done():
            return await super().wait_first(handing_over, flow_ends)
        flow_ends.close()
        return WaitResults([handing_over], [handing_over.result()], stopped=False)
