"""
Every operation of Klaviyo's server API, served here or not: scopes, limits and query parameters as published.

`operations.json` is written by `tests/contract/klaviyo_operations.py` from the official specification (2026-07-15) and
the Python SDK (2026-10-15).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from pydantic_core import from_json


@dataclass(frozen=True, slots=True)
class FilterField:
    """How a field may be filtered by."""

    operators: frozenset[str]
    type: str


@dataclass(frozen=True, slots=True)
class QueryParameters:
    """The query parameters that Klaviyo takes: the values of each, and the page's default and largest size."""

    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    additional_fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    sort: frozenset[str] = frozenset()
    filters: Mapping[str, FilterField] = field(default_factory=dict)
    filter_required: bool = False
    paged: bool = False
    page_default: int = 0
    page_largest: int = 0
    #: Names of parameters that came with the newer revision.
    newer: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """What a key needs, how often it may call per second (`burst`) and per minute (`steady`), and since when."""

    id: str
    method: str
    path: str
    scopes: frozenset[str]
    burst: int
    steady: int
    since: str
    parameters: QueryParameters


def _parameters(said: dict[str, Any], newer: list[str]) -> QueryParameters:
    page = said.get("page")
    return QueryParameters(
        fields={name: frozenset(values) for name, values in said.get("fields", {}).items()},
        additional_fields={name: frozenset(values) for name, values in said.get("additional-fields", {}).items()},
        include=frozenset(said.get("include", ())),
        sort=frozenset(said.get("sort", ())),
        filters={
            name: FilterField(frozenset(one["operators"]), one["type"]) for name, one in said.get("filter", {}).items()
        },
        filter_required=said.get("filter_required", False),
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
    """Find the operation of a path without its template, and tell whether the path has any operation."""
    known = False
    for operation in OPERATIONS.values():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path):
            known = True
            if operation.method == method:
                return operation, True
    return None, known
