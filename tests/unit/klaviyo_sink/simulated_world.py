"""
One schedule: two sync processes, a topic, a database and Klaviyo, with the faults of a seed.

The topic delivers each shopper's uploads in order to the process that owns the shopper, again until they are done; a
rebalance moves shoppers while the old owner's batch is still on its way, and delivers some done uploads once more.
Real: batches, lanes, jobs, deleted profiles, and the decisions of folding and settling.
"""

import asyncio
import random
from collections import Counter, deque
from datetime import timedelta

from outfits import NOON, outfit
from simulated_database import MemoryDatabase, Shaky
from simulated_end import check_end
from simulated_klaviyo import TIMEOUT_S, Profile, SimulatedKlaviyo
from simulated_process import Process
from simulated_watch import Watch
from sqlalchemy.exc import OperationalError

from klaviyo_sink.delivery.batches import Written
from schemas.events import Identity
from schemas.outcomes import Never

ACTIONS = (
    *("publish", "work", "wait", "crowd", "duel", "rebalance", "crash"),
    *("forget", "merge", "jump", "save", "restore", "lose"),
)
WEIGHTS = (6, 9, 6, 1, 5, 4, 0.5, 0.3, 0.5, 0.5, 0.5, 0.3, 0.4)
#: Rounds of a schedule, and steps of each. After each round all comes to rest, and Klaviyo is compared with the fold.
ROUNDS, STEPS = (1, 1, 1, 3), (2, 4, 8, 16)
TAGS = ("material/cotton", "material/silk", "style/v-neck", "category/dress")


class World:
    """The schedule of a seed."""

    def __init__(self, seed, database=None) -> None:
        self.chance = chance = random.Random(seed)
        trouble = chance.choice((0, 0.2, 0.6))
        self.klaviyo = SimulatedKlaviyo(
            chance, trouble, chance.random() < 0.7, chance.random() < 0.7, 1 / chance.choice((0.05, 0.2, 1, 5))
        )
        self.database = database or MemoryDatabase()
        self.shaky = Shaky(chance, chance.choice((0, 0, 0.05, 0.2)))
        self.now = NOON
        self.shoppers = [f"s{i}" for i in range(chance.choice((1, 1, 2, 3, 8, 8)))]
        self.watch = Watch(self.database, self.shoppers)
        self.with_id = {one for one in self.shoppers if chance.random() < 0.3}
        for one in self.with_id:
            self.klaviyo.profiles[self.names(one)[0]] = Profile()
        self.waiting = {one: deque() for one in self.shoppers}
        self.published = {one: [] for one in self.shoppers}
        self.forgotten: set[str] = set()
        self.erasing: list[tuple[float, str]] = []
        self.dead: list[Never] = []
        self.processes = [Process(self), Process(self)]
        share = chance.choice((0.1, 0.5, 0.9))
        self.owner = {one: int(chance.random() < share) for one in self.shoppers}
        self.saved = None
        # Schedules differ in what happens to them: all of it at once would hide most of it.
        self.weights = [weight * chance.choice((0, 1, 1, 3)) for weight in WEIGHTS]
        self.weights[:3] = WEIGHTS[:3]
        #: Few uploads are tagged again often, which changes profiles without an event.
        self.uploads = chance.choice((0, 0, 1, 5))
        self.longest = chance.choice((1, 40))
        self.rounds = chance.choice(ROUNDS)
        #: What Klaviyo had when the database was restored: a version never falls below.
        self.restored: Counter[str] = Counter()
        #: Shoppers whose row stayed dirty because a process died before it looked again: their next upload corrects it.
        self.left_alone: set[str] = set()
        #: Shoppers whom a process wrote when it ended. A row stays dirty until the next upload if the shopper's owner
        #: was another one by then: nothing is delivered again.
        self.interrupted: set[str] = set()

    def names(self, shopper):
        own = ("external_id", shopper)
        return [("id", f"01{shopper}"), own] if shopper in self.with_id else [own]

    def any_shopper(self):
        return self.chance.choice(self.shoppers)

    def publish(self, shopper, number=None, tags=()):
        number = self.chance.randint(0, self.uploads) if number is None else number
        tags = tags or self.chance.sample(TAGS, self.chance.randint(1, 2))
        klaviyo_id = f"01{shopper}" if shopper in self.with_id else None
        tagged = NOON + timedelta(seconds=len(self.published[shopper]))
        event = outfit(
            f"u{number}",
            *tags,
            shopper_id=shopper,
            identity=Identity(klaviyo_id=klaviyo_id, external_id=shopper),
            uploaded_at=NOON - timedelta(minutes=number),
            tagged_at=tagged,
        )
        self.published[shopper].append(event)
        self.waiting[shopper].append(event)

    def done(self, event, outcome):
        """Acknowledge an event, if it still heads its queue."""
        if isinstance(outcome, Never):
            self.dead.append(outcome)
        waiting = self.waiting[event.shopper_id]
        if event in waiting:
            waiting.remove(event)

    async def crowd(self):
        """Let as many be written at once as go in a job; one of them by the other process while the job waits."""
        for shopper in self.shoppers:
            self.publish(shopper)
        self.work()
        await asyncio.sleep(self.chance.choice((0, 0.3, 3)))
        if self.chance.random() < 0.5:
            await self.duel(self.any_shopper())

    async def duel(self, shopper):
        """Let both processes write a shopper at once, as after rebalances in the middle of writes."""
        for _ in range(self.chance.choice((1, 1, 2, 4))):
            self.publish(shopper)
            late = self.chance.random() < 0.7
            self.klaviyo.late = {shopper} if late else set()
            self.work()
            await asyncio.sleep(self.chance.choice((0, 0.1, 0.3, 1)))
            self.klaviyo.late = set()
            if self.chance.random() < 0.5:
                # Its request is on its way, and may land after all that the next owner writes.
                await self.crash(self.owner[shopper])
            self.rebalance(shopper)
            if late or self.chance.random() < 0.5:
                self.publish(shopper)
            self.work()
            await asyncio.sleep(self.chance.choice((0.1, 0.5, 2, 10)))
        if self.chance.random() < 0.5:
            await self.crash(self.chance.randrange(2))

    def rebalance(self, shopper):
        self.owner[shopper] ^= 1
        known = self.published[shopper]
        again = known[-self.chance.randint(0, 2) :] if self.chance.random() < 0.7 else []
        waiting = self.waiting[shopper]
        waiting.extendleft(event for event in reversed(again) if event not in waiting)

    def forget(self, shopper):
        self.database.forget(shopper)
        self.forgotten.add(shopper)
        # As `hangtag forget` does: requests in flight have landed before it asks Klaviyo to erase.
        self.erasing.append((asyncio.get_running_loop().time() + 2 * TIMEOUT_S, shopper))

    def merge(self):
        if self.with_id:
            shopper = self.chance.choice(sorted(self.with_id))
            profile_id, own = self.names(shopper)
            if profile_id not in self.klaviyo.merged:
                self.klaviyo.merge(profile_id, own)

    async def crash(self, number):
        await self.processes[number].crash()
        self.processes[number] = Process(self)

    async def lose(self, shopper):
        """Let a shopper's newest writes be missing in the backup that is restored."""
        first = self.chance.sample(TAGS, 1)
        # An upload is tagged anew, and then perhaps as before: the profile says the same then, but not its version.
        for step, tags in enumerate((first, (), self.chance.choice(((), first)))):
            self.publish(shopper, 0, tags)
            self.work()
            await asyncio.sleep(self.chance.choice((2, 10, 40)))
            if step == 0:
                self.saved = self.database.snapshot()
        await self.restore()

    async def restore(self):
        """Lose the database, and follow docs/operations.md: restore, forget again, reconcile, go on."""
        if self.saved is None:
            return
        for process in self.processes:
            await process.crash()
        # A restore takes longer than a request.
        await asyncio.sleep(TIMEOUT_S)
        self.database.restore(self.saved)
        for shopper in self.forgotten:
            self.database.forget(shopper)
        self.processes = [Process(self), Process(self)]
        self.restored = Counter({one: self.version_at_klaviyo(one) for one in self.shoppers})
        # The whole topic, also what is not acknowledged yet: it may have been sent before.
        left = [event for theirs in self.published.values() for event in theirs]
        while left:
            versions = {one: self.version_at_klaviyo(one) for one in self.shoppers}
            try:
                outcomes = await self.processes[0].batches.reconcile(left, versions)
            except OperationalError:
                continue
            left = [event for event, one in zip(left, outcomes, strict=True) if not isinstance(one, Written | Never)]

    def version_at_klaviyo(self, shopper):
        found = [self.klaviyo.profiles[one].properties for one in self.names(shopper) if one in self.klaviyo.profiles]
        return max((one.get("outfit_version", 0) for one in found), default=0)

    async def step(self):
        """Do one thing that may happen next."""
        match self.chance.choices(ACTIONS, self.weights)[0]:
            case "publish":
                self.publish(self.any_shopper())
            case "crowd":
                await self.crowd()
            case "work":
                self.work()
            case "wait":
                await asyncio.sleep(self.chance.choice((0.01, 0.05, 0.1, 0.3, 1, self.longest)))
            case "duel":
                await self.duel(self.any_shopper())
            case "rebalance":
                self.rebalance(self.any_shopper())
            case "crash":
                await self.crash(self.chance.randrange(2))
            case "forget":
                self.forget(self.any_shopper())
            case "merge":
                self.merge()
            case "jump":
                self.now += timedelta(hours=self.chance.choice((-25, -1, 1, 25)))
            case "save":
                self.saved = self.database.snapshot()
            case "restore":
                await self.restore()
            case "lose":
                await self.lose(self.any_shopper())
        self.erase()

    def work(self):
        for number, process in enumerate(self.processes):
            mine = [
                one
                for one in self.shoppers
                if self.owner[one] == number and self.waiting[one] and one not in process.busy
            ]
            if mine:
                process.start(mine, self.chance.choice(("single", "bulk")))

    def erase(self):
        now = asyncio.get_running_loop().time()
        for due, shopper in [*self.erasing]:
            if due <= now:
                self.erasing.remove((due, shopper))
                self.klaviyo.erase(self.names(shopper))

    async def run(self):
        for _ in range(self.rounds):
            for _ in range(self.chance.choice(STEPS)):
                await self.step()
            if self.chance.random() < 0.5:
                # Nothing that comes later makes good what goes wrong here.
                await self.duel(self.any_shopper())
            self.klaviyo.calm = self.shaky.calm = True
            await self.rest()
            for shopper in sorted(self.left_alone):
                self.publish(shopper)
            self.left_alone.clear()
            await self.rest()
            check_end(self)
            self.klaviyo.calm = self.shaky.calm = False

    async def rest(self):
        """Let all that was begun come to its end."""
        for _ in range(1000):
            self.erase()
            self.work()
            await asyncio.sleep(10)
            idle = not any(process.busy or process.follow_ups.waiting for process in self.processes)
            if idle and not (self.erasing or self.klaviyo.on_their_way or any(self.waiting.values())):
                return
        raise AssertionError("the processes do not come to an end")
