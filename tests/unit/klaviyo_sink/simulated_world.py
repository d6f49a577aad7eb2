"""
One schedule: two sync processes, a topic, a database and Klaviyo, with the faults of a seed.

The topic delivers each shopper's uploads in order to the process that owns the shopper, again until they are done; a
rebalance moves shoppers while the old owner's batch is still on its way, and delivers some done uploads once more.
Real: batches, lanes, jobs, deleted profiles, and the decisions of folding and settling.
"""

import asyncio
import random
from collections import Counter, deque
from contextlib import contextmanager
from datetime import timedelta

from outfits import NOON, outfit
from simulated_database import MemoryDatabase, Shaky
from simulated_klaviyo import TIMEOUT_S, Profile, SimulatedKlaviyo
from simulated_process import BATCH, Process
from sqlalchemy.exc import OperationalError

from klaviyo_sink.delivery.batches import Written
from klaviyo_sink.profile.style import StyleProfile, contribution, fold
from klaviyo_sink.profile.wording import DEFAULT_WORDING
from schemas.events import Identity
from schemas.outcomes import Never

ACTIONS = ("publish", "work", "wait", "duel", "rebalance", "crash", "forget", "merge", "jump", "save", "restore")
WEIGHTS = (6, 9, 6, 3, 4, 0.5, 0.3, 0.5, 0.5, 0.5, 0.3)
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
        self.shoppers = [f"s{i}" for i in range(chance.choice((1, 1, 2, 3, 8)))]
        self.with_id = {one for one in self.shoppers if chance.random() < 0.3}
        for one in self.with_id:
            self.klaviyo.profiles[self.names(one)[0]] = Profile()
        self.waiting = {one: deque() for one in self.shoppers}
        self.published = {one: [] for one in self.shoppers}
        self.forgotten: set[str] = set()
        self.erasing: list[tuple[float, str]] = []
        self.dead: list[Never] = []
        self.processes = [Process(self), Process(self)]
        self.owner = {one: chance.randrange(2) for one in self.shoppers}
        self.saved = None
        # Schedules differ in what happens to them: all of it at once would hide most of it.
        self.weights = [weight * chance.choice((0, 1, 1, 3)) for weight in WEIGHTS]
        self.weights[:3] = WEIGHTS[:3]
        #: Few uploads are tagged again often, which changes profiles without an event.
        self.uploads = chance.choice((0, 1, 5))
        self.longest = chance.choice((1, 40))
        self.rounds = chance.choice(ROUNDS)
        #: What Klaviyo had when the database was restored: a version never falls below.
        self.restored: Counter[str] = Counter()
        #: Shoppers whose row stayed dirty because a process died before it looked again: their next upload corrects it.
        self.left_alone: set[str] = set()
        self.under_way: Counter[object] = Counter()
        self.faults: list[str] = []

    def names(self, shopper):
        own = ("external_id", shopper)
        return [("id", f"01{shopper}"), own] if shopper in self.with_id else [own]

    def any_shopper(self):
        return self.chance.choice(self.shoppers)

    def publish(self, shopper):
        number = self.chance.randint(0, self.uploads)
        tags = self.chance.sample(TAGS, self.chance.randint(1, 2))
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

    async def duel(self, shopper):
        """Let both processes write a shopper at once, as after a rebalance in the middle of a write."""
        self.publish(shopper)
        self.work()
        await asyncio.sleep(self.chance.choice((0, 0.05, 0.3, 1)))
        self.rebalance(shopper)
        if self.chance.random() < 0.5:
            self.publish(shopper)
        self.work()
        await asyncio.sleep(self.chance.choice((0.1, 0.5, 2, 10)))
        if self.chance.random() < 0.5:
            await self.crash()

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

    async def crash(self):
        number = self.chance.randrange(2)
        await self.processes[number].crash()
        self.processes[number] = Process(self)

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
            case "work":
                self.work()
            case "wait":
                await asyncio.sleep(self.chance.choice((0.01, 0.05, 0.1, 0.3, 1, self.longest)))
            case "duel":
                await self.duel(self.any_shopper())
            case "rebalance":
                self.rebalance(self.any_shopper())
            case "crash":
                await self.crash()
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

    def find(self, right, fault):
        """Note a fault that was seen in the middle of the schedule."""
        if not right:
            self.faults.append(fault)

    @contextmanager
    def watch(self):
        """Count a request in its batch, and see that it carries what the database says right before bytes leave."""
        batch = BATCH.get(None)

        def look():
            current = self.database.current(self.shoppers)
            return lambda rows: self.look_at(rows, current)

        self.under_way[batch] += 1
        try:
            yield look
        finally:
            self.under_way[batch] -= 1

    def look_at(self, rows, current):
        for row in rows:
            shopper = row["name"][1].removeprefix("01")
            newest = current.get(shopper)
            self.find(newest or shopper not in current, f"{shopper} was forgotten, and is written")
            version = row["properties"]["outfit_version"]
            self.find(not newest or version >= newest.version, f"{shopper} is written with an old version")

    async def run(self):
        for _ in range(self.rounds):
            for _ in range(self.chance.choice(STEPS)):
                await self.step()
            self.klaviyo.calm = self.shaky.calm = True
            await self.rest()
            for shopper in sorted(self.left_alone):
                self.publish(shopper)
            self.left_alone.clear()
            await self.rest()
            self.check()
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

    def check(self):
        """Klaviyo ends with the plain fold, every upload in effect once, and nothing of the forgotten."""
        assert not self.dead, self.dead
        assert not self.faults, self.faults
        current = self.database.current(self.shoppers)
        for shopper in self.shoppers:
            profiles = [self.klaviyo.profiles[one] for one in self.names(shopper) if one in self.klaviyo.profiles]
            kept = [one for one in profiles if one.properties or one.events]
            if shopper in self.forgotten:
                assert not kept, f"{shopper} came back"
                continue
            events = self.published[shopper]
            assert len(kept) == bool(events), f"{shopper} has {len(kept)} profiles"
            if events:
                version = kept[0].properties["outfit_version"]
                assert version == current[shopper].version >= self.restored[shopper], f"{shopper} has version {version}"
                whole = fold(StyleProfile(), map(contribution, events))
                wanted = DEFAULT_WORDING.properties(whole, version)
                plain = {name: list(one) if isinstance(one, tuple) else one for name, one in wanted.items()}
                assert kept[0].properties == plain, f"{shopper} is not what the fold says"
                assert sorted(kept[0].events.values()) == sorted({event.upload_id for event in events})
