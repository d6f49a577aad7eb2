"""Klaviyo as the simulation's client sees it: requests land late, get lost, are refused, and are repeated."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

from klaviyo_sink.api.client import Accepted, RowsRefused
from klaviyo_sink.api.errors import PROFILE_NOT_FOUND
from klaviyo_sink.api.row_errors import Fault
from schemas.outcomes import Later, Never

#: Seconds after which a client gives a request up. What is given up has landed by then, or never will.
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
    landed: int = 0

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

    def take(self, row: dict[str, Any]) -> bool:
        """Let one row land; False when its profile id is gone."""
        profile = self.profile_of(row["name"])
        if profile is None:
            return False
        self.landed += 1
        event = row["event"]
        if event is not None and event in profile.events:
            if not self.drops_repeated_state:
                profile.properties |= row["properties"]
            return True
        profile.properties |= row["properties"]
        if event is not None:
            profile.events[event] = row["upload"]
        return True


class SimulatedClient:
    """The calls of `KlaviyoClient` that the lanes make. `crash` cuts its requests: each has landed by then or not."""

    def __init__(self, klaviyo: SimulatedKlaviyo) -> None:
        self.klaviyo, self.chance = klaviyo, klaviyo.chance
        self._connections = asyncio.Semaphore(3)
        self.crashed = False

    async def create_event(self, body: Any, **_: Any) -> Any:
        return await self._request(body, lambda content: self._single(content["data"]["attributes"]))

    async def import_profile(self, body: Any, **_: Any) -> Any:
        return await self._request(body, lambda content: self._land([_row(content["data"], None)]))

    async def create_events(self, body: Any, **_: Any) -> Any:
        return await self._request(body, self._bulk)

    async def import_profiles(self, body: Any, **_: Any) -> Any:
        rows = lambda content: [_row(one, None) for one in content["data"]["attributes"]["profiles"]["data"]]  # noqa: E731
        return await self._request(body, lambda content: self._land(rows(content), job=True))

    async def call(self, _method: str, path: str, *, names: dict[str, str], **_: Any) -> Any:
        """`GET` a profile by id, or an import job."""
        if path == "/api/profiles/{id}":
            return await self._request(b"{}", lambda _: self._found(("id", names["id"])))
        job = {"data": {"attributes": {"status": "complete"}}}
        return await self._request(b"{}", lambda _: Accepted(200, job))

    def _found(self, name: tuple[str, str]) -> Any:
        return GONE if self.klaviyo.profile_of(name) is None else Accepted(200, {})

    def _single(self, attributes: dict[str, Any]) -> Any:
        return self._land([_row(attributes["profile"]["data"], attributes)])

    def _bulk(self, content: dict[str, Any]) -> Any:
        rows = []
        for one in content["data"]["attributes"]["events-bulk-create"]["data"]:
            attributes = one["attributes"]
            rows.append(_row(attributes["profile"]["data"], attributes["events"]["data"][0]["attributes"]))
        refused = {}
        for at, row in enumerate(rows):
            profile = self.klaviyo.profile_of(row["name"])
            if profile is None:
                refused[at] = (Fault.UNKNOWN_PROFILE, "gone")
            elif self.klaviyo.refuses_repetitions and row["event"] in profile.events:
                refused[at] = (Fault.REPEATED, "repeated")
        return RowsRefused(refused) if refused else self._land(rows)

    def _land(self, rows: list[dict[str, Any]], *, job: bool = False) -> Any:
        if job:
            gone = [at for at, row in enumerate(rows) if self.klaviyo.profile_of(row["name"]) is None]
            if gone:
                return RowsRefused(dict.fromkeys(gone, (Fault.UNKNOWN_PROFILE, "gone")))
            self.chance.shuffle(rows)
        taken = [self.klaviyo.take(row) for row in rows]
        return Accepted(202, {"data": {"id": "job"}}) if all(taken) else GONE

    async def _request(self, body: Any, land: Any) -> Any:
        """Wait for a connection, write the body, and let the request land, fail or get lost on the way."""
        async with self._connections:
            content = await body() if callable(body) else body
            if not isinstance(content, bytes):
                return content
            trouble = 0 if self.klaviyo.calm else self.klaviyo.trouble
            # Some requests land much later than others.
            there = self.chance.expovariate(self.klaviyo.speed) * self.chance.choice((1, 1, 1, 20))
            back = self.chance.expovariate(self.klaviyo.speed)
            fate = self.chance.random()
            await asyncio.sleep(min(there, TIMEOUT_S))
            if fate < trouble * 0.4:
                return Later("throttled", "429", retry_after=0.3)
            if fate < trouble * 0.6:
                return Later("unavailable", "503")
            answer = land(json.loads(content))
            if fate < trouble * 0.8:
                return Later("unavailable", "502")
            if fate < trouble:
                await asyncio.sleep(TIMEOUT_S)
                return Later("timeout", "no answer in time")
            await asyncio.sleep(back)
            return answer


def _row(profile: dict[str, Any], event: dict[str, Any] | None) -> dict[str, Any]:
    attributes = dict(profile["attributes"])
    properties = attributes.pop("properties")
    name = ("id", profile["id"]) if "id" in profile else next(iter(attributes.items()))
    upload = event["properties"]["upload_id"] if event else ""
    return {"name": name, "properties": properties, "event": event and event["unique_id"], "upload": upload}
