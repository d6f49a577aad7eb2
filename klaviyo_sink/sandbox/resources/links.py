"""Links between resources. Pure."""

from typing import Any


def links(base: str, kind: str, name: str) -> dict[str, str]:
    """Write a resource's own link."""
    return {"self": f"{base}api/{kind}/{name}"}


def related(base: str, kind: str, name: str, *relations: str) -> dict[str, Any]:
    """Write links to related resources."""
    at = f"{base}api/{kind}/{name}"
    return {one: {"links": {"self": f"{at}/relationships/{one}", "related": f"{at}/{one}"}} for one in relations}
