"""
Sets up an account for the campaigns: metric, segments, flows. Finds them by name, so that it can be repeated.

Sets nothing live while anything differs from the campaigns. Klaviyo cannot change a flow's definition. To replace a
flow, it creates a new one, sets that live if the old one was, and then stops the old one, in this order. An interrupted
run can continue, because a flow with the right definition counts as the new one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from klaviyo_sink.account.campaigns import Campaign
from klaviyo_sink.account.differences import differences
from klaviyo_sink.account.flows import flow_body, segment_body, segment_change_body, status_body
from klaviyo_sink.account.metrics import OWN_INTEGRATION, AmbiguousMetricError, KnownMetric, choose_metric
from klaviyo_sink.account.probe import probe_event
from klaviyo_sink.account.steps import Calls, SetupError, SetupStep, Waiting, all_clear
from klaviyo_sink.api.client import KlaviyoClient
from klaviyo_sink.bodies import ProfileAttributes
from klaviyo_sink.profile.naming import PropertyNames
from schemas.outcomes import Later, Never
from schemas.steady_clock import now as steady_now

__all__ = ["Setup", "SetupError", "SetupStep", "all_clear"]

#: The invented shopper whose backfilled event creates the metric.
FIRST_SHOPPER: Final = ProfileAttributes(email=None, external_id="hangtag-setup")
#: Reads until the metric of a first event must be visible; Klaviyo says "up to a few minutes".
LOOKS: Final = 60
LOOK_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Plan:
    """A campaign, and the bodies of its segment and flow."""

    campaign: Campaign
    segment: bytes
    flow: bytes


@dataclass(frozen=True, slots=True)
class _Flows:
    """The flows with a campaign's name."""

    #: The one whose definition matches the campaign.
    right: Mapping[str, Any] | None
    #: Others that are not archived, with their differences.
    wrong: Mapping[str, list[str]]
    live: frozenset[str]
    archived: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """Sets up one account."""

    client: KlaviyoClient
    metric: str
    names: PropertyNames
    live: bool
    #: By tag id, the words that profiles contain instead of tag values; empty if they contain ids.
    words: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = steady_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    #: Whether to replace segments and flows that differ.
    replace: bool = False
    waiting: Waiting = lambda _call, _seconds: None
    #: Called with the number of campaigns whose segment and flow exist, after each of them.
    progress: Callable[[int], None] = lambda _campaigns: None

    async def run(self, campaigns: Sequence[Campaign]) -> list[SetupStep]:
        """
        Create what is missing, compare what exists, and set live if that is wanted and nothing differs.

        Raises:
            SetupError: Klaviyo refused, or did not respond; contains the steps done so far.
            CampaignsError: A campaign requires something that cannot be set up. Nothing was done.

        """
        steps: list[SetupStep] = []
        try:
            await self._run(campaigns, steps)
        except SetupError as error:
            raise SetupError(error.failure, steps) from None
        except AmbiguousMetricError as error:
            raise SetupError(Never("ambiguous-metric", str(error)), steps) from None
        return steps

    async def _run(self, campaigns: Sequence[Campaign], steps: list[SetupStep]) -> None:
        calls = Calls(self.client, self.sleep, self.waiting)
        # Detect campaigns that no segment can express before creating anything.
        for campaign in campaigns:
            self._plan(campaign, "", None)
        metrics = await self._metrics(calls, steps)
        own = choose_metric(metrics, self.metric, OWN_INTEGRATION if _many(metrics, self.metric) else None)
        if own is None:
            raise SetupError(Later("no-metric", "the metric is not visible"))
        plans = []
        for campaign in campaigns:
            orders = choose_metric(metrics, campaign.order_metric, campaign.order_integration)
            if orders is None:
                sentence = "the account has no such metric: orders are not checked"
                steps.append(SetupStep("metric", campaign.order_metric, "missing", sentence))
            plans.append(self._plan(campaign, own.id, orders.id if orders else None))
        segments, flows = await calls.all("/api/segments"), await calls.all("/api/flows")
        going: list[tuple[str, Mapping[str, Any]]] = []
        for done, plan in enumerate(plans, start=1):
            await self._segment(calls, plan, segments, steps)
            going += await self._flow(calls, plan, flows, steps)
            self.progress(done)
        if self.live and all_clear(steps):
            for name, flow in going:
                await calls.call(
                    "PATCH", "/api/flows/{id}", names={"id": flow["id"]}, body=status_body(flow["id"], "live")
                )
                steps.append(SetupStep("flow", name, "set live"))

    def _plan(self, campaign: Campaign, metric: str, orders: str | None) -> _Plan:
        segment = segment_body(campaign, self.names, orders, self.words, metric or "-")
        return _Plan(campaign, segment, flow_body(campaign, self.names, metric or "-", orders, self.words))

    async def _metrics(self, calls: Calls, steps: list[SetupStep]) -> list[KnownMetric]:
        """Return the account's metrics, including ours."""
        metrics = await _read_metrics(calls)
        if any(one.name == self.metric for one in metrics):
            steps.append(SetupStep("metric", self.metric, "unchanged"))
            return metrics
        first = probe_event(self.metric, FIRST_SHOPPER, f"hangtag-setup-{self.metric}", self.now())
        await calls.call("POST", "/api/events", body=first)
        for _ in range(LOOKS):
            metrics = await _read_metrics(calls)
            if any(one.name == self.metric for one in metrics):
                steps.append(SetupStep("metric", self.metric, "created"))
                return metrics
            await self.sleep(LOOK_EVERY_S)
        raise SetupError(Later("no-metric", "Klaviyo accepted the metric's first event, but the metric is not visible"))

    async def _segment(
        self, calls: Calls, plan: _Plan, segments: Sequence[Mapping[str, Any]], steps: list[SetupStep]
    ) -> None:
        name = plan.campaign.name
        found = next((one for one in segments if one["attributes"].get("name") == name), None)
        if found is None:
            await calls.call("POST", "/api/segments", body=plan.segment)
            steps.append(SetupStep("segment", name, "created"))
            return
        differ = differences(_definition(plan.segment), found["attributes"].get("definition"))
        if not differ:
            steps.append(SetupStep("segment", name, "unchanged"))
        elif self.replace:
            body = segment_change_body(found["id"], plan.segment)
            await calls.call("PATCH", "/api/segments/{id}", names={"id": found["id"]}, body=body)
            steps.append(SetupStep("segment", name, "replaced", "; ".join(differ)))
        else:
            steps.append(SetupStep("segment", name, "drifted", "; ".join(differ)))

    async def _flow(
        self, calls: Calls, plan: _Plan, flows: Sequence[Mapping[str, Any]], steps: list[SetupStep]
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """Create or update a campaign's flow. Return it if it is a draft that may be set live."""
        name = plan.campaign.name
        found = await self._compare(calls, plan, flows)
        wrong = "; ".join(next(iter(found.wrong.values()), ()))
        if found.right is None and (found.wrong or found.archived) and not self.replace:
            step = SetupStep("flow", name, "archived", "it is archived at Klaviyo, and sends no texts")
            steps.append(SetupStep("flow", name, "drifted", wrong) if found.wrong else step)
            return []
        right = found.right
        if right is None:
            right = (await calls.call("POST", "/api/flows", body=plan.flow))["data"]
            steps.append(SetupStep("flow", name, "created", wrong))
        else:
            steps.append(SetupStep("flow", name, "unchanged"))
        if not self.replace:
            rivals = found.live - {right["id"]}
            if rivals:
                steps.append(SetupStep("flow", name, "drifted", f"another live flow has this name: {wrong}"))
            return [] if right["id"] in found.live else [(name, right)]
        return await self._replace(calls, name, right, found, steps)

    async def _replace(
        self, calls: Calls, name: str, right: Mapping[str, Any], found: _Flows, steps: list[SetupStep]
    ) -> list[tuple[str, Mapping[str, Any]]]:
        """Set the new flow live if an old one is, and only then stop the old ones."""
        old = sorted(found.live - {right["id"]})
        if not old:
            return [] if right["id"] in found.live else [(name, right)]
        if right["id"] not in found.live:
            await calls.call(
                "PATCH", "/api/flows/{id}", names={"id": right["id"]}, body=status_body(right["id"], "live")
            )
            steps.append(SetupStep("flow", name, "set live"))
        for flow_id in old:
            await calls.call("PATCH", "/api/flows/{id}", names={"id": flow_id}, body=status_body(flow_id, "draft"))
            sentence = f"the old flow {flow_id} is stopped; only a person can archive it at Klaviyo"
            steps.append(SetupStep("flow", name, "replaced", sentence))
        return []

    async def _compare(self, calls: Calls, plan: _Plan, flows: Sequence[Mapping[str, Any]]) -> _Flows:
        named = [one for one in flows if one["attributes"].get("name") == plan.campaign.name]
        there = [one for one in named if not one["attributes"].get("archived")]
        right, wrong = None, {}
        for one in there:
            query = {"additional-fields[flow]": "definition"}
            whole = await calls.call("GET", "/api/flows/{id}", names={"id": one["id"]}, query=query)
            differ = differences(_definition(plan.flow), whole["data"]["attributes"].get("definition"))
            if differ:
                wrong[one["id"]] = differ
            elif right is None or one["attributes"].get("status") == "live":
                right = one
        live = frozenset(one["id"] for one in there if one["attributes"].get("status") == "live")
        return _Flows(right, wrong, live, archived=len(there) < len(named))


async def _read_metrics(calls: Calls) -> list[KnownMetric]:
    return [KnownMetric.read(row) for row in await calls.all("/api/metrics")]


def _many(metrics: Sequence[KnownMetric], name: str) -> bool:
    return sum(one.name == name for one in metrics) > 1


def _definition(body: bytes) -> Any:
    return json.loads(body)["data"]["attributes"]["definition"]
