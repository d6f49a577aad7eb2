"""A JSON:API resource: its values by field name, and its sparse fieldset. Pure."""

from collections.abc import Collection, Iterator
from typing import Any, Final

Resource = dict[str, Any]
#: Filter fields whose values are among the relationships of a resource.
_ELSEWHERE: Final = {"metric_id": "metric", "profile_id": "profile", "metric": "metric", "profile": "profile"}


def values_of(resource: Resource, field: str) -> list[Any]:
    """Return the values of a field: none, one, or one per entry if the path leads through a list."""
    if field == "id" or (field == "profile_id" and resource["type"] == "profile"):
        return [resource["id"]]
    related = resource.get("relationships", {}).get(_ELSEWHERE.get(field, ""))
    if related and related.get("data"):
        return [related["data"]["id"]]
    return [one for one in _walk(resource.get("attributes", {}), field.split(".")) if one is not None]


def trimmed(resource: Resource, fields: Collection[str]) -> Resource:
    """Keep only the attributes asked for; `a.b` keeps b of a."""
    attributes: dict[str, Any] = {}
    for field in fields:
        *above, last = field.split(".")
        source, target = resource.get("attributes", {}), attributes
        for part in above:
            source = source.get(part) if isinstance(source, dict) else None
            if isinstance(source, dict):
                target = target.setdefault(part, {})
        if isinstance(source, dict) and last in source:
            target[last] = source[last]
    return {**resource, "attributes": attributes}


def without(resource: Resource, fields: Collection[str]) -> Resource:
    """Remove attributes that are returned only on request."""
    attributes = {name: value for name, value in resource.get("attributes", {}).items() if name not in fields}
    return {**resource, "attributes": attributes}


def _walk(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list) and path:
        for one in value:
            yield from _walk(one, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from _walk(value.get(path[0]), path[1:])
