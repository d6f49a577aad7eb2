"""Finds settings that contradict each other, and the line that corrects them. Pure; knows no `Settings`."""

from collections.abc import Mapping


def of_flow(in_flight: int, pending: int, span: int) -> str | None:
    """
    Return which settings of a stage's capacity contradict each other; None if they fit.

    Otherwise the smaller number would apply silently: 1,024 in flight with 256 pending are 256 in flight.
    """
    if in_flight <= pending <= span:
        return None
    ours = {"IN_FLIGHT": in_flight, "PENDING": pending, "SPAN": span}
    higher = {"PENDING": max(in_flight, pending), "SPAN": max(in_flight, pending, span)}
    lower = {"IN_FLIGHT": min(in_flight, pending, span), "PENDING": min(pending, span)}
    return (
        f"HANGTAG_IN_FLIGHT ({in_flight}) must be at most HANGTAG_PENDING ({pending}), and that at most"
        f" HANGTAG_SPAN ({span}): write {_line(higher, ours)}, or {_line(lower, ours)}"
    )


def of_retries(base_s: float, cap_s: float) -> str | None:
    """Return why the first retry would wait longer than the longest wait; None if it does not."""
    if base_s <= cap_s:
        return None
    return (
        f"HANGTAG_RETRY_BASE_S ({base_s:g}) must be at most HANGTAG_RETRY_CAP_S ({cap_s:g}):"
        f" write HANGTAG_RETRY_CAP_S={base_s:g}"
    )


def around(own: Mapping[str, int], *, in_flight: int, pending: int, span: int) -> dict[str, int]:
    """Adjust default sizes to those that were set (`own`), which stay unchanged."""
    span = own.get("span", max(span, own.get("pending", 0), own.get("in_flight", 0)))
    pending = own.get("pending", min(span, max(pending, own.get("in_flight", 0))))
    return {"in_flight": own.get("in_flight", min(in_flight, pending)), "pending": pending, "span": span}


def _line(change: Mapping[str, int], ours: Mapping[str, int]) -> str:
    return " ".join(f"HANGTAG_{name}={value}" for name, value in change.items() if value != ours[name])
