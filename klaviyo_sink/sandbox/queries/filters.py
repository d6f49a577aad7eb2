"""Checks a filter against an operation's fields, and applies it to resources."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from klaviyo_sink.sandbox.access.operations import FilterField, QueryParameters
from klaviyo_sink.sandbox.access.problems import Problem, RefusedError, not_modelled
from klaviyo_sink.sandbox.queries.grammar import Comparison, Filter, GrammarError, parse
from klaviyo_sink.sandbox.queries.resource import Resource, values_of

#: Fields of Klaviyo's own browser scripts and apps, which the sandbox does not have.
_UNMODELLED: Final = frozenset({"_kx", "push_token"})
#: Klaviyo ignores the case of addresses.
_CASELESS: Final = frozenset({"email"})


def read_filter(text: str, parameters: QueryParameters) -> Filter:
    """
    Parse and check a filter.

    Raises:
        RefusedError: 400, it is not valid, or the operation lacks its field or operator; 501, not modelled.

    """
    try:
        found = parse(text)
    except GrammarError as error:
        raise refused(f"The filter cannot be read: {error}.") from None
    for one in _comparisons(found):
        _check(one, parameters)
    return found


def passes(resource: Resource, wanted: Filter, fields: QueryParameters) -> bool:
    """Return whether a resource passes a filter from `read_filter`."""
    if isinstance(wanted, Comparison):
        return _compare(resource, wanted, fields.filters[wanted.field])
    if wanted.kind == "not":
        return not passes(resource, wanted.parts[0], fields)
    held = (passes(resource, one, fields) for one in wanted.parts)
    return any(held) if wanted.kind == "or" else all(held)


def refused(detail: str) -> RefusedError:
    """Return a 400 for a bad filter."""
    return RefusedError(400, Problem("invalid", "Invalid input.", detail, parameter="filter"))


def _comparisons(wanted: Filter) -> Iterator[Comparison]:
    if isinstance(wanted, Comparison):
        yield wanted
    else:
        for one in wanted.parts:
            yield from _comparisons(one)


def _check(one: Comparison, parameters: QueryParameters) -> None:
    field = parameters.filters.get(one.field)
    if field is None:
        known = ", ".join(sorted(parameters.filters))
        raise refused(f"This operation cannot filter by '{one.field}'. Use one of: {known or 'none'}.")
    if one.operator not in field.operators:
        raise refused(f"'{one.field}' takes these operators: {', '.join(sorted(field.operators))}.")
    if one.field in _UNMODELLED:
        raise not_modelled(f"filter by {one.field}", parameter="filter")
    if one.operator == "any" and not isinstance(one.value, list):
        raise refused("any needs a list.")
    for value in one.value if isinstance(one.value, list) else [one.value]:
        if one.operator != "has" and _typed(value, field.type) is None:
            raise refused(f"The value for '{one.field}' is not a {field.type}.")


def _compare(resource: Resource, wanted: Comparison, field: FilterField) -> bool:
    found = values_of(resource, wanted.field)
    if wanted.operator == "has":
        return bool(found)
    mine = [one for value in found if (one := _typed(value, field.type)) is not None]
    asked = [_typed(one, field.type) for one in (wanted.value if isinstance(wanted.value, list) else [wanted.value])]
    if wanted.field in _CASELESS:
        mine, asked = [one.lower() for one in mine], [str(one).lower() for one in asked]
    if wanted.operator == "contains-all":
        return all(any(part in one for one in mine) for part in asked)
    return any(_one(wanted.operator, one, part) for one in mine for part in asked)


def _one(operator: str, mine: Any, asked: Any) -> bool:  # noqa: PLR0911 - one for each operator
    match operator:
        case "equals" | "any":
            return bool(mine == asked)
        case "not-equals":
            return bool(mine != asked)
        case "less-than":
            return bool(mine < asked)
        case "less-or-equal":
            return bool(mine <= asked)
        case "greater-than":
            return bool(mine > asked)
        case "greater-or-equal":
            return bool(mine >= asked)
        case "starts-with":
            return str(mine).startswith(asked)
        case "ends-with":
            return str(mine).endswith(asked)
        case _:
            return asked in mine


def _typed(value: Any, kind: str) -> Any:
    """Return a value in the type of its field; None if it does not have that type."""
    if kind == "date-time":
        return _moment(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind in {"number", "integer"}:
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
