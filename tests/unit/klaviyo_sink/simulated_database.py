"""The state database in memory, with the store's own decisions; and any database with errors and waits around it."""

import asyncio
import copy
import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from outfits import NOON
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import OperationalError

from klaviyo_sink.profile.wording import DEFAULT_WORDING
from klaviyo_sink.state.database import open_database
from klaviyo_sink.state.folding import NEW_ROW, begin_writes, event_names, read_row, reckon_all
from klaviyo_sink.state.forgetting import forget
from klaviyo_sink.state.settling import Current, end_writes
from klaviyo_sink.state.store import StateDatabase
from klaviyo_sink.state.tables import metadata, style_profiles, written_events


@dataclass
class MemoryDatabase:
    """`StateDatabase` without SQL: what `begin_writes` and `end_writes` decide is kept in dictionaries."""

    rows: dict[str, Any] = field(default_factory=dict)
    ledger: dict[str, tuple[str, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    #: Remembered uploads that have rows of their own, by shopper and upload.
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fold(self, events):
        return self._fold(events, None)

    def rebuild(self, events, versions):
        return self._fold(events, versions)

    def _fold(self, events, versions):
        mine: dict[str, list] = {}
        for event in events:
            if event.shopper_id not in self.gone:
                mine.setdefault(event.shopper_id, []).append(event)
        rows = {one: read_row(self.rows[one]) if one in self.rows else NEW_ROW for one in mine}
        reckoned = reckon_all(rows, mine, DEFAULT_WORDING, self._some, self._every, above=versions or {})
        batch = begin_writes(events, event_names(events), set(self.ledger), reckoned, forced=versions is not None)
        for made in batch.made:
            self.rows[made["shopper_id"]] = SimpleNamespace(**made)
        for change in batch.changed:
            row = self.rows[change["of_shopper"]]
            row.row_version, row.version, row.profile = change["row"], change["to_version"], change["to_profile"]
            row.said, row.dirty = change["to_said"], change["to_dirty"]
        for name in batch.uploads.cleared:
            self.uploads.pop(name, None)
        for gone in batch.uploads.gone:
            del self.uploads[gone["of_shopper"]][gone["of_upload"]]
        for new in batch.uploads.new:
            assert new["upload_id"] not in self.uploads.setdefault(new["shopper_id"], {})
            self.uploads[new["shopper_id"]][new["upload_id"]] = new
        return batch.answers

    def _some(self, wanted, oldest):
        found = {}
        for shopper, ids in wanted.items():
            theirs = sorted(self.uploads[shopper].values(), key=lambda one: one["uploaded_at"])
            found[shopper] = {
                one["contribution"]
                for place, one in enumerate(theirs)
                if one["upload_id"] in ids or place < oldest.get(shopper, 0)
            }
        return found

    def _every(self, shoppers):
        return {one: {upload["contribution"] for upload in self.uploads[one].values()} for one in shoppers}

    def settle(self, writes, *, at):
        mine = {one.shopper_id: one for one in writes if one.shopper_id not in self.gone}
        end = end_writes(mine, [self.rows[one] for one in mine if one in self.rows], at)
        for change in end.changed:
            row = self.rows[change["of_shopper"]]
            row.row_version, row.written_version, row.dirty = change["row"], change["to_written"], change["to_dirty"]
        for entry in end.entries:
            self.ledger.setdefault(entry["unique_id"], (entry["shopper_id"], entry["upload_id"]))
        return dict.fromkeys(one.shopper_id for one in writes if one.shopper_id in self.gone) | end.settled

    def current(self, shoppers):
        found = dict.fromkeys(self.gone & set(shoppers))
        rows = {one: self.rows[one] for one in shoppers if one in self.rows}
        return found | {one: Current(row.version, row.said, row.dirty) for one, row in rows.items()}

    def in_ledger(self):
        return frozenset(self.ledger)

    def unsettled(self):
        """Return the shoppers whose row says that Klaviyo may not have its newest state."""
        return {name for name, row in self.rows.items() if row.dirty or row.written_version < row.version}

    def forget(self, shopper_id):
        self.gone.add(shopper_id)
        self.rows.pop(shopper_id, None)
        self.uploads.pop(shopper_id, None)
        self.ledger = {name: one for name, one in self.ledger.items() if one[0] != shopper_id}

    def snapshot(self):
        return copy.deepcopy((self.rows, self.ledger, self.gone, self.uploads))

    def restore(self, saved):
        self.rows, self.ledger, self.gone, self.uploads = copy.deepcopy(saved)


class SqliteDatabase(StateDatabase):
    """The real one, in memory, emptied for each schedule."""

    def __init__(self) -> None:
        super().__init__(open_database("sqlite://"), DEFAULT_WORDING)

    def in_ledger(self):
        with self._engine.connect() as connection:
            return frozenset(connection.execute(select(written_events.c.unique_id)).scalars())

    def unsettled(self):
        columns = style_profiles.c
        late = (columns.dirty != 0) | (columns.written_version < columns.version)
        with self._engine.connect() as connection:
            return set(connection.execute(select(columns.shopper_id).where(late)).scalars())

    def forget(self, shopper_id):
        forget(self._engine, shopper_id, at=NOON)

    def snapshot(self):
        with self._engine.connect() as connection:
            return {
                name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for name, table in metadata.tables.items()
            }

    def restore(self, saved):
        with self._engine.begin() as connection:
            for name, table in metadata.tables.items():
                connection.execute(delete(table))
                if saved.get(name):
                    connection.execute(insert(table), saved[name])


@dataclass
class Shaky:
    """Calls a database as the sink does, with waits, and with errors before or after the work was done."""

    chance: random.Random
    trouble: float
    calm: bool = False

    async def __call__(self, call, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(self.chance.expovariate(50))
        fate = 1.0 if self.calm else self.chance.random()
        if fate < self.trouble / 2:
            raise OperationalError("x", {}, Exception("before"))
        result = call(*args, **kwargs)
        if fate < self.trouble:
            raise OperationalError("x", {}, Exception("after"))
        return result
