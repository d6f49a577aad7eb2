"""
One sync process of a schedule: the real batches, lanes, jobs and follow-ups, on a simulated database and Klaviyo.

It knows no schedule: the world decides what it works on, and when it ends.
"""

import asyncio
import itertools
from datetime import timedelta

from simulated_klaviyo import TIMEOUT_S, SimulatedClient
from sqlalchemy.exc import OperationalError

from klaviyo_sink.delivery.batches import Batches, Written
from klaviyo_sink.delivery.follow_up import FollowUps
from klaviyo_sink.delivery.lanes import Lanes
from klaviyo_sink.delivery.lookups import Lookups
from klaviyo_sink.limits import Grant
from schemas.outcomes import Never


class FreeBudget:
    """Grants everything after a wait, or only part of the requests, so that rows use both lanes."""

    def __init__(self, chance) -> None:
        self.chance = chance

    async def ask(self, _operation, wanted):
        await asyncio.sleep(self.chance.expovariate(50))
        return Grant(self.chance.randint(0, wanted), 1.0)

    async def wait(self, _operation):
        await asyncio.sleep(self.chance.choice((0, 0, 0, 0, 0.1, 5, 3 * TIMEOUT_S)))


class Process:
    """A sync process: a queue for each shopper it owns, one batch of a shopper at a time."""

    def __init__(self, world) -> None:
        self.world = world
        self.client = SimulatedClient(world.klaviyo, world.watch.request)
        self.follow_ups = FollowUps(self.write_again, self.find_dirty, TIMEOUT_S)

        def find_current(shoppers):
            return world.shaky(world.database.current, shoppers)

        lanes = Lanes(self.client, FreeBudget(world.chance), Lookups(find_current))
        self.batches = Batches(
            world.database, lanes, world.shaky, "Outfit Tagged", timedelta(days=1), lambda: world.now, self.follow_ups
        )
        self.busy: set[str] = set()
        #: Shoppers whose dirty row is being written again: their events were acknowledged before.
        self.mending: set[str] = set()
        self.tasks: set[asyncio.Task] = set()

    async def find_dirty(self, shopper_id):
        try:
            current = (await self.world.shaky(self.world.database.current, {shopper_id})).get(shopper_id)
        except OperationalError:
            return None
        return 0 if current is None else current.dirty

    def write_again(self, event):
        """Write a shopper again whose row stayed dirty, also after another process took over the partition."""
        if event.shopper_id in self.busy:
            self.follow_ups.add(event)
        else:
            self.mending.add(event.shopper_id)
            self.start([event.shopper_id], "single", [event])

    def start(self, shoppers, lane, events=None):
        """Begin a batch with what waits of some shoppers."""
        events = events or [event for one in shoppers for event in itertools.islice(self.world.waiting[one], 3)]
        self.busy |= set(shoppers)
        task = asyncio.create_task(self.work(shoppers, events, lane))
        self.tasks.add(task)
        task.add_done_callback(self.ended)

    def ended(self, task):
        """See that a batch ends with outcomes, or with an error of the database."""
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        self.world.watch.find(error is None, f"a batch failed: {error!r}")

    async def work(self, shoppers, events, lane):
        batch = self.world.watch.begin()
        try:
            outcomes = await self.batches.write(events, lane, {})
        except OperationalError:
            outcomes = []
            for event in events:
                self.follow_ups.add(event)
        finally:
            self.busy -= set(shoppers)
            self.mending -= set(shoppers)
        self.world.watch.find(not self.world.watch.under_way[batch], "a request outlived its batch")
        for event, outcome in zip(events, outcomes, strict=False):
            if isinstance(outcome, Written | Never):
                self.world.done(event, outcome)

    async def crash(self):
        """End at once, in the middle of everything."""
        mending = self.mending.copy()
        self.world.interrupted |= self.busy
        for task in [*self.tasks]:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        # Nobody delivers their events again, so that the shopper's next upload corrects the profile. A batch that ends
        # may add a shopper until here.
        self.world.left_alone |= self.follow_ups.waiting | mending
        self.follow_ups.clear()
