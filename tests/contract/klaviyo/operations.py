"""
Compare the sandbox's table of Klaviyo's operations with an official SDK, or write the table again.

    python tests/contract/klaviyo/operations.py                    # new and removed operations of the installed SDK
    python tests/contract/klaviyo/operations.py --write SPEC.json  # SPEC.json: openapi/stable.json of klaviyo/openapi

The specification has what a machine needs (scopes, limits, filters). What only the SDK has is read from its sources,
without loading its 34 MB of models.
"""

import argparse
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

from klaviyo_sink.sandbox.app import SERVED as ROUTERS

TABLE = Path(__file__).parents[3] / "klaviyo_sink" / "sandbox" / "access" / "operations.json"
#: What the sandbox serves, so that the query parameters are of use.
SERVED = {route.name for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
#: The part of the official specification that the tests judge by (MIT, Klaviyo).
EXCERPT = Path(__file__).parents[2] / "data" / "klaviyo" / "openapi.json"
_PROSE = {"description", "example", "examples", "summary", "x-readme", "tags"}
_METHOD = re.compile(r"    def (\w+)\(\s+self,.*?(?=\n    def |\Z)", re.DOTALL)
_RATE = re.compile(r"Burst: `(\d+)/s`<br>Steady: `(\d+)/m`")
_SCOPES = re.compile(r"\*\*Scopes:\*\* ((?:`[\w:-]+` ?)+)")


def from_sdk() -> dict[tuple[str, str], dict[str, Any]]:
    """Read name, method, path, scopes and limits of each operation from the installed SDK's sources."""
    package = importlib.util.find_spec("openapi_client")
    if package is None or package.origin is None:
        sys.exit("the official SDK (klaviyo-api) is not installed")
    revision = re.search(
        r'_REVISION = "([\d-]+)"', (Path(package.origin).parents[1] / "klaviyo_api" / "wrapper.py").read_text()
    )
    assert revision is not None
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for source in sorted(Path(package.origin).parent.glob("api/*_api.py")):
        methods = {one[1]: one[0] for one in _METHOD.finditer(source.read_text())}
        for name, text in methods.items():
            inner = methods.get(f"_{name}_serialize")
            if inner is None:
                continue
            rate, scopes = _RATE.search(text), _SCOPES.search(text)
            method = re.findall(r"method='(\w+)'", inner)[0]
            path = re.findall(r"resource_path='([^']+)'", inner)[0]
            found[method, path] = {
                "id": name,
                "method": method,
                "path": path,
                "since": revision[1],
                "scopes": sorted(re.findall(r"`([\w:-]+)`", scopes[1])) if scopes else [],
                "limits": [int(rate[1]), int(rate[2])] if rate else [],
                "parameters": sorted(set(re.findall(r"_query_params\.append\(\('([^']+)'", inner))),
            }
    return found


def merged(spec: dict[tuple[str, str], Any], sdk: dict[tuple[str, str], Any]) -> list[dict[str, Any]]:
    """Put both together: the specification says more, the SDK knows newer operations and parameters."""
    for key, operation in spec.items():
        known = set(operation.pop("parameters"))
        newer = [one for one in sdk[key]["parameters"] if one not in known]
        if newer and operation["id"] in SERVED:
            operation["newer_parameters"] = newer
    for operation in sdk.values():
        operation.pop("parameters")
    return sorted((sdk | spec).values(), key=lambda operation: operation["id"])


def from_spec(spec: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Read the same of each operation, and its query parameters, from the official specification."""
    found = {}
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            # Operations under /client take a public key, from a browser; the SDK for servers has none of them.
            if not isinstance(operation, dict) or "operationId" not in operation or not path.startswith("/api/"):
                continue
            rate = operation.get("x-klaviyo-ratelimit") or {}
            found[method.upper(), path] = {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "since": spec["info"]["version"],
                "scopes": sorted(operation.get("x-klaviyo-scopes", [])),
                "limits": [int(re.sub(r"\D", "", rate[name])) for name in ("burst", "steady") if rate.get(name)],
                "parameters": [one["name"] for one in operation.get("parameters", [])],
                **(_query(operation) if operation["operationId"] in SERVED else {}),
            }
    return found


def _query(operation: dict[str, Any]) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for one in operation.get("parameters", []):
        name, schema = one["name"], one.get("schema", {})
        if name.startswith(("fields[", "additional-fields[")):
            kind, _, of = name.rstrip("]").partition("[")
            query.setdefault(kind, {})[of] = schema["items"].get("enum", [])
        elif name == "include":
            query["include"] = schema["items"]["enum"]
        elif name == "sort":
            query["sort"] = [field for field in schema["enum"] if not field.startswith("-")]
        elif name == "page[size]":
            query["page"] = [schema.get("default", 20), schema.get("maximum", 100)]
        elif name == "page[cursor]":
            query.setdefault("page", [])
    filters = operation.get("x-klaviyo-filters", {})
    if filters:
        query["filter"] = {
            field: {
                "operators": sorted({name for names in said["operators"].values() for name in names}),
                "type": (said.get("value") or {}).get("format") or (said.get("value") or {}).get("type", "string"),
            }
            for field, said in filters.items()
        }
        query["filter_required"] = any(
            one.get("required") for one in operation["parameters"] if one["name"] == "filter"
        )
    return {"query": query} if query else {}


def excerpt(spec: dict[str, Any]) -> dict[str, Any]:
    """Keep of the specification what judges requests and answers of the operations that are served."""
    paths = {
        path: kept
        for path, methods in spec["paths"].items()
        if (kept := {verb: one for verb, one in methods.items() if _served(one)})
    }
    schemas = spec["components"]["schemas"]
    reached: set[str] = set()
    ahead = _references(paths)
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead |= _references(schemas[name])
    return _bare(
        {
            "openapi": spec["openapi"],
            "info": {name: spec["info"][name] for name in ("title", "version", "license")},
            "paths": paths,
            "components": {
                "schemas": {name: schemas[name] for name in schemas if name in reached},
                "responses": spec["components"]["responses"],
            },
        }
    )


def _served(operation: Any) -> bool:
    return isinstance(operation, dict) and operation.get("operationId") in SERVED


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {name for one in node for name in _references(one)}
    if not isinstance(node, dict):
        return set()
    inner = {name for one in node.values() for name in _references(one)}
    reference = node.get("$ref")
    of_schema = isinstance(reference, str) and reference.startswith("#/components/schemas/")
    return inner | ({str(reference).rpartition("/")[2]} if of_schema else set())


def _bare(node: Any, *, names: bool = False) -> Any:
    """Leave out prose and examples; under `properties` the keys are names of fields, not keywords."""
    if isinstance(node, list):
        return [_bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _bare(value, names=key == "properties" and not names)
        for key, value in node.items()
        if names or key not in _PROSE
    }


def main() -> None:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else "")
    parser.add_argument("--write", type=Path, metavar="SPEC", help="official openapi/stable.json")
    spec_file = parser.parse_args().write
    sdk = from_sdk()
    if spec_file is not None:
        spec = json.loads(spec_file.read_text(encoding="utf-8"))
        EXCERPT.parent.mkdir(parents=True, exist_ok=True)
        EXCERPT.write_text(json.dumps(excerpt(spec), separators=(",", ":")) + "\n", encoding="utf-8")
        lines = [json.dumps(one, ensure_ascii=False) for one in merged(from_spec(spec), sdk)]
        TABLE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
        return
    table = {(one["method"], one["path"]): one for one in json.loads(TABLE.read_text(encoding="utf-8"))}
    newer, gone = sorted(sdk.keys() - table.keys()), sorted(table.keys() - sdk.keys())
    print(f"newer: {len(newer)} {newer}\ngone: {len(gone)} {gone}")
    sys.exit(bool(newer or gone))


if __name__ == "__main__":
    main()
