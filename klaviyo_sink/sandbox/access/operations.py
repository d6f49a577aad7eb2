"""
Every operation of Klaviyo's server API, served here or not, with its published scopes, limits and query parameters.

`tests/contract/klaviyo/operations.py` writes `operations.json` from the official specification (2026-07-15) and the
Python SDK (2026-10-15).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from pydantic_core import from_json


@dataclass(frozen=True, slots=True)
class FilterField:
    """How an operation filters by a field."""

    operators: frozenset[str]
    type: str


@dataclass(frozen=True, slots=True)
class QueryParameters:
    """The query parameters of an operation: the values of each, and the default and largest page size."""

    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    additional_fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    sort: frozenset[str] = frozenset()
    filters: Mapping[str, FilterField] = field(default_factory=dict)
    filter_required: bool = False
    paged: bool = False
    page_default: int = 0
    page_largest: int = 0
    #: Names of parameters that only the newer revision has.
    newer: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """The scopes that an operation needs, its limits per second (`burst`) and minute (`steady`), and its revision."""

    id: str
    method: str
    path: str
    scopes: frozenset[str]
    burst: int
    steady: int
    since: str
    parameters: QueryParameters


def _parameters(published: dict[str, Any], newer: list[str]) -> QueryParameters:
    page = published.get("page")
    return QueryParameters(
        fields={name: frozenset(values) for name, values in published.get("fields", {}).items()},
        additional_fields={name: frozenset(values) for name, values in published.get("additional-fields", {}).items()},
        include=frozenset(published.get("include", ())),
        sort=frozenset(published.get("sort", ())),
        filters={
            name: FilterField(frozenset(one["operators"]), one["type"])
            for name, one in published.get("filter", {}).items()
        },
        filter_required=published.get("filter_required", False),
        paged=page is not None,
        page_default=page[0] if page else 0,
        page_largest=page[1] if page else 0,
        newer=frozenset(newer),
    )


def _read() -> dict[tuple[str, str], Operation]:
    rows = from_json((files(__package__) / "operations.json").read_bytes())
    return {
        (row["method"], row["path"]): Operation(
            row["id"],
            row["method"],
            row["path"],
            frozenset(row["scopes"]),
            row["limits"][0],
            row["limits"][1],
            row["since"],
            _parameters(row.get("query", {}), row.get("newer_parameters", [])),
        )
        for row in rows
    }


OPERATIONS: Final = _read()


def official(method: str, path: str) -> tuple[Operation | None, bool]:
    """Return the operation of a path, and whether the path has any operation."""
    known = False
    for operation in OPERATIONS.values():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path):
            known = True
            if operation.method == method:
                return operation, True
    return None, known
