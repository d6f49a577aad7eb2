"""Flows with their steps, the people in them, and those who went through."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from klaviyo_sink.sandbox.account.journeys import Journey, StoredFlow
from klaviyo_sink.sandbox.automation.conditions import in_words
from klaviyo_sink.sandbox.pages.frame import SHOWN, Reader, page, reader_of
from klaviyo_sink.sandbox.pages.html import Html, mark, table, tag
from klaviyo_sink.sandbox.shapes.actions import (
    Branches,
    ConditionalSplit,
    MetricTrigger,
    SendEmail,
    SendSms,
    TimeDelay,
    TriggerSplit,
)

router = APIRouter()


@router.get("/sandbox/flows", response_class=HTMLResponse)
async def show_flows(request: Request) -> HTMLResponse:
    """Show each flow."""
    reader = reader_of(request)
    flows = [_flow(reader, one) for one in reader.account.flows.values()]
    return page(request, reader, "Flows", *(flows or [tag("p", reader("Nothing yet."), class_="dim")]))


def _flow(reader: Reader, flow: StoredFlow) -> Html:
    mine = [one for one in reader.account.journeys if one.flow_id == flow.id]
    waiting = [one for one in mine if one.action is not None]
    ended = [one for one in mine if one.action is None]
    return tag(
        "div",
        tag("h2", flow.name, " ", mark(flow.status, reader(flow.status))),
        tag("p", _trigger(reader, flow), class_="dim"),
        tag("b", reader("Steps")),
        tag("ol", *(_step(reader, flow, one, waiting) for one in _in_order(flow))),
        tag("h2", f"{reader('Who came, and how it ended')} ({len(ended)})"),
        table(
            [reader("Who"), reader("Entered"), reader("How it ended")],
            [
                (
                    reader.person(one.profile_id, f"#event-{one.event_id}" if one.event_id else ""),
                    one.entered.isoformat(sep=" ", timespec="seconds"),
                    reader(one.ended) + ("" if one.counts or one.ended != "finished" else f" · {reader('draft')}"),
                )
                for one in ended[: -SHOWN - 1 : -1]
            ],
            reader("Nothing yet."),
        ),
        class_="card",
    )


def _trigger(reader: Reader, flow: StoredFlow) -> str:
    trigger = flow.definition.triggers[0]
    account = reader.account
    names = {one.id: one.name for one in account.metrics.values()}
    names |= {one.id: one.name for one in account.lists.values()}
    names |= {one.id: one.name for one in account.segments.values()}
    shown = f"{trigger.type}: {names.get(trigger.id, trigger.id)}"
    if isinstance(trigger, MetricTrigger) and trigger.trigger_filter:
        shown += "; " + _groups(trigger.trigger_filter.condition_groups)
    if flow.definition.profile_filter:
        shown += "; " + _groups(flow.definition.profile_filter.condition_groups)
    return shown


def _groups(groups: list[Any]) -> str:
    return "; ".join(" / ".join(_condition(one) for one in group.conditions) for group in groups)


def _condition(one: Any) -> str:
    if one.type == "metric-property":
        return f"{one.field} {one.filter.operator} {getattr(one.filter, 'value', '')}".rstrip()
    return in_words(one)


def _in_order(flow: StoredFlow) -> list[str]:
    """Return the actions in the order in which they can be reached, the entry first."""
    found: list[str] = []
    ahead = [flow.entry]
    while ahead:
        one = ahead.pop(0)
        if one in flow.actions and one not in found:
            found.append(one)
            ahead += [to for _name, to in _ways(flow.actions[one]) if to]
    return found


def _ways(action: Any) -> list[tuple[str, str | None]]:
    links = action.links
    if isinstance(links, Branches):
        return [("Yes", links.next_if_true), ("No", links.next_if_false)]
    return [("", links.next if links else None)]


def _step(reader: Reader, flow: StoredFlow, action_id: str, waiting: list[Journey]) -> Html:
    action = flow.actions[action_id]
    order = _in_order(flow)
    ways = [
        f"{reader(name)} → {order.index(to) + 1 if to in order else reader('end')}".strip()
        for name, to in _ways(action)
    ]
    here = [one for one in waiting if one.action == action_id]
    due = [tag("span", one.due.isoformat(sep=" ", timespec="minutes"), class_="dim") for one in here]
    people = [f"{reader.person(one.profile_id)} {at}" for one, at in zip(here[:SHOWN], due, strict=False)]
    standing = tag("p", tag("b", f"{reader('On the way')} ({len(here)})"), ": ", Html(", ".join(people)))
    return tag(
        "li",
        tag("b", action.type),
        f" {_content(action)} ",
        tag("span", "; ".join(ways), class_="dim"),
        standing if here else "",
    )


def _content(action: Any) -> str:
    match action:
        case SendSms():
            return f"“{action.data.message.body}”"
        case SendEmail():
            return f"“{action.data.message.subject_line or ''}”"
        case TimeDelay():
            return f"{action.data.value} {action.data.unit}"
        case ConditionalSplit():
            return _groups(action.data.profile_filter.condition_groups) if action.data.profile_filter else ""
        case TriggerSplit():
            return _groups(action.data.trigger_filter.condition_groups) if action.data.trigger_filter else ""
        case _:
            return ", ".join(f"{one.operator} {one.property_key}" for one in action.data.profile_operations)
