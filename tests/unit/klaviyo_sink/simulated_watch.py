"""Sees what must never be, in the middle of a schedule: right before bytes leave, and when a batch ends."""

from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch in work, and the events that the ledger had when it began."""

    known: frozenset[str]


#: The batch that a request belongs to; none for what restores the database.
BATCH: ContextVar[Batch] = ContextVar("batch")
NO_BATCH = Batch(frozenset())


class Watch:
    """Notes faults of a schedule."""

    def __init__(self, database, shoppers) -> None:
        self.database, self.shoppers = database, shoppers
        self.under_way: Counter[Batch] = Counter()
        self.faults: list[str] = []

    def find(self, right, fault):
        """Note a fault unless all is right."""
        if not right:
            self.faults.append(fault)

    def begin(self):
        """Let the requests of this task belong to a new batch."""
        BATCH.set(batch := Batch(self.database.in_ledger()))
        return batch

    @contextmanager
    def request(self):
        """Count a request in its batch, and see that it carries what the database says right before bytes leave."""
        batch = BATCH.get(NO_BATCH)

        def look():
            current = self.database.current(self.shoppers)
            return lambda rows: self._look_at(rows, current, batch)

        self.under_way[batch] += 1
        try:
            yield look
        finally:
            self.under_way[batch] -= 1

    def _look_at(self, rows, current, batch):
        for row in rows:
            shopper = row["name"][1].removeprefix("01")
            self.find(row["event"] not in batch.known, f"{shopper}'s event is sent again, which the ledger has")
            newest = current.get(shopper)
            self.find(newest or shopper not in current, f"{shopper} was forgotten, and is written")
            version = row["properties"]["outfit_version"]
            self.find(not newest or version >= newest.version, f"{shopper} is written with an old version")
