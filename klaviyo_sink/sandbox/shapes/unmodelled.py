"""Finds parts of segment and flow definitions that Klaviyo has and the sandbox cannot execute, by name."""

from collections.abc import Iterator
from typing import Any, Final

#: Values of `type` that are not modelled, by the key that contains them (openapi 2026-07-15).
TYPES: Final = {
    "conditions": frozenset(
        [
            "profile-region",
            "profile-postal-code-distance",
            "profile-predictive-analytics",
            "profile-has-custom-object",
            "profile-permissions",
            "profile-metric-funnel",
            "profile-sample",
            "profile-not-sent-push",
            "price-drop-property",
            "low-inventory-property",
            "custom-object-property",
            "custom-object-trigger-property",
        ]
    ),
    "actions": frozenset(
        [
            "action-output-split",
            "back-in-stock-delay",
            "content-experiment",
            "send-mobile-push",
            "send-webhook",
            "send-internal-alert",
            "send-whatsapp",
            "target-date",
            "countdown-delay",
            "ab-test",
            "internal-service",
            "code",
            "multi-branch-split",
            "list-update",
        ]
    ),
    "triggers": frozenset({"date", "price-drop", "low-inventory"}),
}
OPERATORS: Final = frozenset(
    [
        "anniversary-last",
        "anniversary-next",
        "calendar-month",
        "anniversary",
        "anniversary-month",
        "phone-country-code-in",
        "phone-country-code-not-in",
        "contains-all",
        "contains-any",
        "not-contains-all",
        "not-contains-any",
        "contains-substring",
        "not-contains-substring",
    ]
)
#: Keys that are not modelled unless empty.
KEYS: Final = frozenset(
    [
        "image_id",
        "dynamic_image",
        "message_hierarchy",
        "custom_tracking_params",
        "secondary_value",
        "delay_until_time",
        "delay_until_weekdays",
        "trigger_subtype",
    ]
)


def unmodelled(definition: Any, pointer: str, inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield each part that is not modelled: a pointer to it, and its name."""
    if isinstance(definition, list):
        for at, one in enumerate(definition):
            yield from unmodelled(one, f"{pointer}/{at}", inside)
    elif isinstance(definition, dict):
        name = _named(definition, inside)
        if name is not None:
            yield pointer, name
            return
        for key, value in definition.items():
            if (key in KEYS and value) or (key == "metric_filters" and not _asks_for_lists(value)):
                yield f"{pointer}/{key}", key
            elif key == "metric_filters":
                continue
            else:
                yield from unmodelled(value, f"{pointer}/{key}", key)


def _asks_for_lists(filters: Any) -> bool:
    """Return whether the filters on a metric's events only require that a list contains all of some values."""
    return not filters or (
        isinstance(filters, list)
        and all(isinstance(one, dict) and isinstance(one.get("filter"), dict) for one in filters)
        and all(one["filter"].get("operator") == "contains-all" for one in filters)
    )


def _named(part: dict[str, Any], inside: str) -> str | None:
    """Return the name of an object that is not modelled, else None. `inside` is the key that contains it."""
    # A name is always a text. The shapes reject other values.
    texts = {key: value for key, value in part.items() if isinstance(value, str)}
    if texts.get("type") in TYPES.get(inside, ()):
        return f"{inside.removesuffix('s')} {texts['type']}"
    if texts.get("operator") in OPERATORS:
        return f"filter operator {texts['operator']}"
    if inside == "consent" and texts.get("channel") in {"push", "whatsapp"}:
        return f"consent by {texts['channel']}"
    if inside == "consent_status" and part.get("filters"):
        return "filters of a consent's status"
    if inside == "profile_operations" and texts.get("property_type") in {"date", "list"}:
        return f"profile operation on a {texts['property_type']}"
    return None
