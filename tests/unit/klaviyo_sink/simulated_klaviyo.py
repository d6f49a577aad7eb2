"""Klaviyo as the simulation's client sees it: requests land late, get lost, are refused, and are repeated."""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from klaviyo_sink.api.client import Accepted, RowsRefused
from klaviyo_sink.api.errors import PROFILE_NOT_FOUND
from klaviyo_sink.api.row_errors import Fault
from schemas.outcomes import Later, Never

#: A client's time limit for a request, in seconds. After it the request has landed, or never will.
TIMEOUT_S = 30.0
GONE = Never(PROFILE_NOT_FOUND, "gone")


@dataclass
class Profile:
    """What Klaviyo knows of a shopper."""

    properties: dict[str, Any] = field(default_factory=dict)
    #: Events by unique_id, in effect once each.
    events: dict[str, str] = field(default_factory=dict)


@dataclass
class SimulatedKlaviyo:
    """The account. `calm` ends all faults."""

    chance: random.Random
    #: How often a request fails, and how: these differ between schedules.
    trouble: float
    #: Whether a repeated event's state is dropped with it, and whether a repetition refuses a whole job.
    drops_repeated_state: bool
    refuses_repetitions: bool
    #: Requests land, and answers come back, after a second divided by this on average.
    speed: float
    profiles: dict[tuple[str, str], Profile] = field(default_factory=dict)
    #: Profile ids that were merged into another profile.
    merged: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    calm: bool = False
    #: Shoppers whose requests land late now.
    late: set[str] = field(default_factory=set)
    #: Requests whose bytes have left. They land even if the process that sent them dies.
    on_their_way: set[asyncio.Task[Any]] = field(default_factory=set)

    def writable(self, name: tuple[str, str]) -> bool:
        """Tell whether a write finds the profile; one that is there may be denied once, a read never denies it."""
        found = self.profile_of(name) is not None
        return found and (self.calm or name[0] != "id" or self.chance.random() >= self.trouble * 0.3)

    def profile_of(self, name: tuple[str, str]) -> Profile | None:
        """Find the profile that a name leads to; a merged id leads nowhere."""
        if name[0] == "id" and (name in self.merged or name not in self.profiles):
            return None
        return self.profiles.setdefault(name, Profile())

    def merge(self, profile_id: tuple[str, str], into: tuple[str, str]) -> None:
        """Merge a profile into another: its events move, and its properties where the other has none newer."""
        gone = self.profiles.pop(profile_id, None)
        self.merged[profile_id] = into
        if gone is None:
            return
        survivor = self.profiles.setdefault(into, Profile())
        survivor.events |= gone.events
        survivor.properties = gone.properties | survivor.properties

    def erase(self, names: list[tuple[str, str]]) -> None:
        for name in names:
            self.profiles.pop(name, None)

    def take(self, row: dict[str, Any]) -> None:
        """Let a row land whose profile is there."""
        profile = self.profile_of(row["name"])
        event = row["event"]
        repeated = event is not None and event in profile.events
        if not (repeated and self.drops_repeated_state):
            profile.properties |= row["properties"]
        if event is not None:
            profile.events[event] = row["upload"]


class SimulatedClient:
    """
    The calls of `KlaviyoClient` that the lanes make.

    `watch` is called before a request's body is written, and what it returns gets the rows that leave.
    """

    def __init__(self, klaviyo: SimulatedKlaviyo, watch: Callable[[], Callable[[list[dict[str, Any]]], None]]) -> None:
        self.klaviyo, self.chance, self._watch = klaviyo, klaviyo.chance, watch
        self._connections = asyncio.Semaphore(klaviyo.chance.choice((1, 2, 3)))

    async def create_event(self, body: Any, **_: Any) -> Any:
        return await self._request(body, _event_rows, self._take_one)

    async def import_profile(self, body: Any, **_: Any) -> Any:
        return await self._request(body, lambda content: [_row(content["data"], None)], self._take_one)

    async def create_events(self, body: Any, **_: Any) -> Any:
        return await self._request(body, _bulk_rows, self._take_events)

    async def import_profiles(self, body: Any, **_: Any) -> Any:
        return await self._request(body, _import_rows, self._take_states)

    async def call(self, _method: str, path: str, *, names: dict[str, str], **_: Any) -> Any:
        """`GET` a profile by id, or an import job."""
        if path == "/api/profiles/{id}":
            return await self._request(b"{}", lambda _: [], lambda _: self._found(("id", names["id"])))
        job = {"data": {"attributes": {"status": "complete"}}}
        return await self._request(b"{}", lambda _: [], lambda _: Accepted(200, job))

    def _found(self, name: tuple[str, str]) -> Any:
        return GONE if self.klaviyo.profile_of(name) is None else Accepted(200, {})

    def _take_one(self, rows: list[dict[str, Any]]) -> Any:
        return self._land(rows) if self.klaviyo.writable(rows[0]["name"]) else GONE

    def _take_events(self, rows: list[dict[str, Any]]) -> Any:
        refused = {}
        for at, row in enumerate(rows):
            if not self.klaviyo.writable(row["name"]):
                refused[at] = (Fault.UNKNOWN_PROFILE, "gone")
            elif self.klaviyo.refuses_repetitions and row["event"] in self.klaviyo.profile_of(row["name"]).events:
                refused[at] = (Fault.REPEATED, "repeated")
        return RowsRefused(refused) if refused else self._land(rows)

    def _take_states(self, rows: list[dict[str, Any]]) -> Any:
        gone = [at for at, row in enumerate(rows) if not self.klaviyo.writable(row["name"])]
        if gone:
            return RowsRefused(dict.fromkeys(gone, (Fault.UNKNOWN_PROFILE, "gone")))
        self.chance.shuffle(rows)
        return self._land(rows)

    def _land(self, rows: list[dict[str, Any]]) -> Any:
        for row in rows:
            self.klaviyo.take(row)
        return Accepted(202, {"data": {"id": "job"}})

    async def _request(self, body: Any, rows_of: Any, land: Any) -> Any:
        """Wait for a connection, write the body, and let the request land, fail or get lost on the way."""
        with self._watch() as look:
            async with self._connections:
                check = look()
                content = await body() if callable(body) else body
                if not isinstance(content, bytes):
                    return content
                rows = rows_of(json.loads(content))
                check(rows)
                # A process that ends now does not call back what has left.
                sent = asyncio.create_task(self._carry(rows, land))
                self.klaviyo.on_their_way.add(sent)
                sent.add_done_callback(self.klaviyo.on_their_way.discard)
                return await asyncio.shield(sent)

    async def _carry(self, rows: list[dict[str, Any]], land: Any) -> Any:
        trouble = 0 if self.klaviyo.calm else self.klaviyo.trouble
        # Some requests land much later than others.
        there = self.chance.expovariate(self.klaviyo.speed) * self.chance.choice((1, 1, 1, 20))
        if any(row["name"][1].removeprefix("01") in self.klaviyo.late for row in rows):
            there = self.chance.uniform(0, TIMEOUT_S)
        back = self.chance.expovariate(self.klaviyo.speed)
        fate = self.chance.random()
        await asyncio.sleep(min(there, TIMEOUT_S))
        if fate < trouble * 0.4:
            return Later("throttled", "429", retry_after=0.3)
        if fate < trouble * 0.6:
            return Later("unavailable", "503")
        answer = land(rows)
        if fate < trouble * 0.8:
            return Later("unavailable", "502")
        if fate < trouble:
            await asyncio.sleep(TIMEOUT_S)
            return Later("timeout", "no answer in time")
        await asyncio.sleep(back)
        return answer


def _event_rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    attributes = content["data"]["attributes"]
    return [_row(attributes["profile"]["data"], attributes)]


def _bulk_rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [one["attributes"] for one in content["data"]["attributes"]["events-bulk-create"]["data"]]
    return [_row(one["profile"]["data"], one["events"]["data"][0]["attributes"]) for one in entries]


def _import_rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [_row(one, None) for one in content["data"]["attributes"]["profiles"]["data"]]


def _row(profile: dict[str, Any], event: dict[str, Any] | None) -> dict[str, Any]:
    attributes = dict(profile["attributes"])
    properties = attributes.pop("properties")
    name = ("id", profile["id"]) if "id" in profile else next(iter(attributes.items()))
    upload = event["properties"]["upload_id"] if event else ""
    return {"name": name, "properties": properties, "event": event and event["unique_id"], "upload": upload}
