"""Evaluates one value by a filter of a condition. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from klaviyo_sink.sandbox.shapes import filters as of

UNITS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}


def passes(value: Any, wanted: Any, now: datetime) -> bool:  # noqa: PLR0911 - one for each kind
    """Return whether a value passes a filter. A value of another type passes only negative filters."""
    match wanted:
        case of.Text():
            return _text(value, wanted.operator, wanted.value or "")
        case of.TextIn():
            return (value in wanted.value) == (wanted.operator == "in")
        case of.Number():
            return _is_number(value) and compare(value, wanted.operator, wanted.value)
        case of.NumberBetween():
            return _is_number(value) and wanted.start <= value <= wanted.end
        case of.YesNo():
            return value is wanted.value
        case of.ListContains():
            return (isinstance(value, list) and wanted.value in value) == (wanted.operator == "contains")
        case of.ListLength():
            return isinstance(value, list) and compare(len(value), wanted.operator[len("length-") :], wanted.value)
        case of.Existence():
            return (value is not None) == (wanted.operator == "is-set")
        case _:
            at = moment(value)
            return at is not None and in_time(at, wanted, now)


def compare(value: float, operator: str, wanted: float) -> bool:
    """Compare two numbers by an operator's name."""
    return {
        "equals": value == wanted,
        "not-equals": value != wanted,
        "greater-than": value > wanted,
        "greater-than-or-equal": value >= wanted,
        "less-than": value < wanted,
        "less-than-or-equal": value <= wanted,
    }[operator]


def in_time(at: datetime, wanted: Any, now: datetime, entered: datetime | None = None) -> bool:  # noqa: PLR0911 - one for each kind
    """Return whether a time is in a period; `entered` is when the person entered the flow."""
    match wanted:
        case of.DateStatic():
            edge = moment(wanted.date)
            return edge is not None and (at > edge if wanted.operator == "after" else at < edge)
        case of.DateStaticRange():
            start, end = moment(wanted.start), moment(wanted.end)
            return start is not None and end is not None and start <= at <= end
        case of.DateRelative():
            span = wanted.quantity * UNITS[wanted.unit]
            if wanted.operator == "in-the-next":
                return now <= at <= now + span
            return (now - at >= span) if wanted.operator == "at-least" else (now - span < at <= now)
        case of.InTheLast():
            return now - wanted.quantity * UNITS[wanted.unit] < at <= now
        case of.DateRange():
            unit = UNITS[wanted.unit]
            return now - max(wanted.start, wanted.end) * unit <= at <= now - min(wanted.start, wanted.end) * unit
        case of.SinceFlowStart():
            return entered is not None and at >= entered
        case _:
            return True


def moment(value: Any) -> datetime | None:
    """Parse a time, in UTC without a zone; None if it is not a time."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _text(value: Any, operator: str, wanted: str) -> bool:
    plain = "regex" if operator == "nregex" else operator.removeprefix("not-")
    negative = operator.startswith("n")
    if not isinstance(value, str):
        return negative
    held = {
        "contains": wanted in value,
        "equals": value == wanted,
        "starts-with": value.startswith(wanted),
        "ends-with": value.endswith(wanted),
    }.get(plain)
    if held is None:
        held = _matches(wanted, value)
    return held != negative


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
