"""Brings an account to what the campaigns say: metric, segments, flows; by name, so that it may be run again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from klaviyo_sink.account.campaigns import Campaign
from klaviyo_sink.account.flows import drift, flow_body, live_body, segment_body
from klaviyo_sink.account.probe import probe_event
from klaviyo_sink.api.client import Accepted, KlaviyoClient
from klaviyo_sink.api.errors import Failure
from klaviyo_sink.bodies import ProfileAttributes
from klaviyo_sink.delivery.imports import cursor_after
from klaviyo_sink.profile.naming import PropertyNames
from schemas.outcomes import Later

#: The made-up shopper whose backfilled event brings the metric into being.
FIRST_SHOPPER: Final = ProfileAttributes(email=None, external_id="hangtag-setup")
#: Looks for a metric whose first event was just sent; Klaviyo says "up to a few minutes".
LOOKS: Final = 60
LOOK_EVERY_S: Final = 5.0
#: Later answers to one call, before setting up is given up.
TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Step:
    """What was found or done."""

    kind: Literal["metric", "segment", "flow"]
    name: str
    done: Literal["created", "unchanged", "drifted", "set live", "missing"]
    #: Places that differ, for drifted ones; a sentence for missing ones.
    detail: str = ""


class SetupError(Exception):
    """Setting up stopped; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Setup:
    """Sets up one account."""

    client: KlaviyoClient
    metric: str
    names: PropertyNames
    live: bool
    #: By tag id, the words that profiles hold in place of tag values; empty where they hold ids.
    words: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self, campaigns: Sequence[Campaign]) -> list[Step]:
        """
        Create what is missing and compare what is there.

        Raises:
            SetupError: Klaviyo refused, or did not answer.

        """
        metrics, steps = await self._metric()
        for campaign in campaigns:
            orders = metrics.get(campaign.order_metric)
            if orders is None:
                sentence = "no such metric in the account: orders are not looked at"
                steps.append(Step("metric", campaign.order_metric, "missing", sentence))
            segment = segment_body(campaign, self.names, orders, self.words)
            flow = flow_body(campaign, self.names, metrics[self.metric], orders, self.words)
            steps.append(await self._thing("segment", campaign.name, segment))
            steps.append(await self._thing("flow", campaign.name, flow))
            if self.live:
                steps += await self._set_live(campaign.name)
        return steps

    async def _metric(self) -> tuple[dict[str, str], list[Step]]:
        metrics = await self._metrics()
        if self.metric in metrics:
            return metrics, [Step("metric", self.metric, "unchanged")]
        first = probe_event(self.metric, FIRST_SHOPPER, f"hangtag-setup-{self.metric}", self.now())
        await self._call("POST", "/api/events", body=first)
        for _ in range(LOOKS):
            metrics = await self._metrics()
            if self.metric in metrics:
                return metrics, [Step("metric", self.metric, "created")]
            await self.sleep(LOOK_EVERY_S)
        raise SetupError(Later("no-metric", "the metric's first event was taken, but the metric does not show"))

    async def _metrics(self) -> dict[str, str]:
        return {one["attributes"]["name"]: one["id"] for one in await self._all("/api/metrics", {})}

    async def _thing(self, kind: Literal["segment", "flow"], name: str, body: bytes) -> Step:
        found = await self._by_name(kind, name)
        if found is None:
            await self._call("POST", f"/api/{kind}s", body=body)
            return Step(kind, name, "created")
        ours = json.loads(body)["data"]["attributes"]["definition"]
        theirs = found["attributes"].get("definition")
        if kind == "flow":
            query = {"additional-fields[flow]": "definition"}
            whole = await self._call("GET", "/api/flows/{id}", names={"id": found["id"]}, query=query)
            theirs = whole["data"]["attributes"].get("definition")
        places = drift(ours, theirs)
        return Step(kind, name, "drifted" if places else "unchanged", ", ".join(places[:5]))

    async def _set_live(self, name: str) -> list[Step]:
        found = await self._by_name("flow", name)
        if found is None or found["attributes"].get("status") == "live":
            return []
        await self._call("PATCH", "/api/flows/{id}", names={"id": found["id"]}, body=live_body(found["id"]))
        return [Step("flow", name, "set live")]

    async def _by_name(self, kind: str, name: str) -> dict[str, Any] | None:
        quoted = json.dumps(name, ensure_ascii=False)
        rows = await self._all(f"/api/{kind}s", {"filter": f"equals(name,{quoted})"})
        return next((row for row in rows if row["attributes"]["name"] == name), None)

    async def _all(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            page = await self._call("GET", path, query=query)
            rows += page["data"]
            cursor = cursor_after(page)
            if cursor is None:
                return rows
            query = query | {"page[cursor]": cursor}

    async def _call(self, method: str, path: str, **rest: Any) -> Any:
        for tried in range(TRIES):
            answer = await self.client.call(method, path, **rest)
            if isinstance(answer, Accepted):
                return answer.content
            if not isinstance(answer, Later) or tried == TRIES - 1:
                raise SetupError(answer)
            await self.sleep(answer.retry_after or 2.0**tried / 4)
        raise AssertionError
