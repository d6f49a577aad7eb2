"""Responses with resources: filtered, sorted, paged, reduced to the fields asked for."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse

from klaviyo_sink.sandbox.access.problems import MEDIA_TYPE, not_modelled
from klaviyo_sink.sandbox.queries.filters import passes
from klaviyo_sink.sandbox.queries.pages import cut, links
from klaviyo_sink.sandbox.queries.query import Query, read_query
from klaviyo_sink.sandbox.queries.resource import Resource, trimmed, values_of, without

#: Fields that are returned only on request.
ADDITIONAL: Final = {
    "profile": ("subscriptions",),
    "flow": ("definition",),
    "list": ("profile_count",),
    "segment": ("profile_count",),
    "flow-message": ("definition",),
}
#: By a relationship's name: the function that lists the related resources of one resource.
Related = Mapping[str, Callable[[Resource], list[Resource]]]


def answer_one(
    request: Request, resource: Resource, *, status: int = 200, related: Related | None = None
) -> JSONResponse:
    """Answer with one resource."""
    query = read_query(request)
    content: dict[str, Any] = {"data": _shown(_related(resource, query, related), query)}
    if query.include:
        content["included"] = _included([resource], query, related)
    content["links"] = {"self": str(request.url)}
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


def answer_page(request: Request, resources: Iterable[Resource], *, related: Related | None = None) -> JSONResponse:
    """Answer with a page of resources."""
    query = read_query(request)
    known = query.operation.parameters
    rows = [one for one in resources if query.filter is None or passes(one, query.filter, known)]
    if query.sort:
        field = query.sort.removeprefix("-")
        rows.sort(key=lambda row: _order(row, field), reverse=query.sort.startswith("-"))
    page, after, before = cut(rows, query) if known.paged else (rows, None, None)
    content: dict[str, Any] = {
        "data": [_shown(_related(one, query, related), query) for one in page],
        "links": links(request, after, before),
    }
    if query.include:
        content["included"] = _included(page, query, related)
    return JSONResponse(content, media_type=MEDIA_TYPE)


def _order(row: Resource, field: str) -> tuple[bool, Any]:
    values = values_of(row, field)
    return (bool(values), values[0] if values else "")


def _shown(resource: Resource, query: Query) -> Resource:
    kind = resource["type"]
    fields = query.fields.get(kind)
    if fields is not None:
        asked = [*fields, *query.additional.get(kind, ())]
        return trimmed(resource, asked)
    left_out = [name for name in ADDITIONAL.get(kind, ()) if not query.wants(kind, name)]
    return without(resource, left_out) if left_out else resource


def _related(resource: Resource, query: Query, related: Related | None) -> Resource:
    """Return the resource with links to what is included."""
    if not query.include:
        return resource
    found = {name: _behind(resource, name, related) for name in query.include}
    relationships = dict(resource.get("relationships", {}))
    for name, rows in found.items():
        if name not in {"profile", "metric"}:
            data = [{"type": one["type"], "id": one["id"]} for one in rows]
            relationships[name] = {**relationships.get(name, {}), "data": data}
    return {**resource, "relationships": relationships}


def _included(page: list[Resource], query: Query, related: Related | None) -> list[Resource]:
    found: dict[tuple[str, str], Resource] = {}
    for resource in page:
        for name in query.include:
            for one in _behind(resource, name, related):
                found[one["type"], one["id"]] = _shown(one, query)
    return list(found.values())


def _behind(resource: Resource, name: str, related: Related | None) -> list[Resource]:
    if related is None or name not in related:
        raise not_modelled(f"include={name}", parameter="include")
    return related[name](resource)
