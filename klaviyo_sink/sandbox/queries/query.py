"""Parses a request's query parameters. Rejects those that Klaviyo does not know, and names those not modelled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request

from klaviyo_sink.sandbox.access.operations import OPERATIONS, Operation
from klaviyo_sink.sandbox.access.problems import Problem, RefusedError, not_modelled
from klaviyo_sink.sandbox.queries.filters import read_filter
from klaviyo_sink.sandbox.queries.grammar import Filter

#: Relationships and extra fields that the sandbox does not have.
_UNMODELLED: Final = frozenset(
    ["push-tokens", "conversations", "attributions", "tags", "predictive_analytics", "campaign-messages"]
)
_PARAMETER = re.compile(r"(fields|additional-fields)\[([\w-]+)\]")


@dataclass(frozen=True, slots=True)
class Query:
    """What a request asks for: fields by resource type, what to include, filter, order, page."""

    operation: Operation
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    additional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    filter: Filter | None = None
    sort: str | None = None
    size: int = 0
    cursor: str = ""

    def wants(self, kind: str, name: str) -> bool:
        """Return whether an additional field is asked for."""
        return name in self.additional.get(kind, ()) or any(
            one.partition(".")[0] == name for one in self.fields.get(kind, ())
        )


def read_query(request: Request) -> Query:
    """
    Parse the query of a request to an operation.

    Raises:
        RefusedError: 400, a parameter or value that Klaviyo does not know; 501, one that the sandbox does not have.

    """
    operation = OPERATIONS[request.method, request.scope["route"].path]
    known = operation.parameters
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        given[name] = f"{given[name]},{value}" if name in given and name != "filter" else value
    fields: dict[str, tuple[str, ...]] = {}
    additional: dict[str, tuple[str, ...]] = {}
    for name, value in given.items():
        found = _PARAMETER.fullmatch(name)
        if name in known.newer:
            raise not_modelled(f"the parameter {name}", parameter=name)
        if found is not None:
            sparse = found[1] == "fields"
            allowed = (known.fields if sparse else known.additional_fields).get(found[2])
            if allowed is None:
                raise _refused(name, "Not a parameter of this operation.")
            (fields if sparse else additional)[found[2]] = _listed(value, allowed, name)
        elif name not in _taken(operation):
            raise _refused(name, "Not a parameter of this operation.")
    if known.filter_required and not given.get("filter"):
        raise _refused("filter", "This operation needs a filter.")
    return Query(
        operation,
        fields,
        additional,
        _listed(given["include"], known.include, "include") if given.get("include") else (),
        read_filter(given["filter"], known) if given.get("filter") else None,
        _sort(given.get("sort"), operation),
        _size(given.get("page[size]"), operation),
        given.get("page[cursor]", ""),
    )


def _taken(operation: Operation) -> set[str]:
    known = operation.parameters
    return {
        name
        for name, there in (
            ("include", known.include),
            ("filter", known.filters),
            ("sort", known.sort),
            ("page[size]", known.page_largest),
            ("page[cursor]", known.paged),
        )
        if there
    }


def _listed(text: str, allowed: frozenset[str], parameter: str) -> tuple[str, ...]:
    values = tuple(one.strip() for one in text.split(",") if one.strip())
    for one in values:
        if one not in allowed:
            raise _refused(parameter, f"'{one}' is none of: {', '.join(sorted(allowed))}.")
        if one.partition(".")[0] in _UNMODELLED:
            raise not_modelled(f"{parameter}={one}", parameter=parameter)
    return values


def _sort(text: str | None, operation: Operation) -> str | None:
    if not text:
        return None
    if text.removeprefix("-") not in operation.parameters.sort:
        raise _refused(
            "sort", f"'{text}' is none of: {', '.join(sorted(operation.parameters.sort))}, with or without -."
        )
    return text


def _size(text: str | None, operation: Operation) -> int:
    known = operation.parameters
    if text is None:
        return known.page_default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= known.page_largest):
        raise _refused("page[size]", f"page[size] must be from 1 to {known.page_largest}.")
    return int(text)


def _refused(parameter: str, detail: str) -> RefusedError:
    return RefusedError(400, Problem("invalid", "Invalid input.", detail, parameter=parameter))
