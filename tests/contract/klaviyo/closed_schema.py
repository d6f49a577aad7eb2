"""
The official Klaviyo schema as a strict judge: every object closed, every `nullable` made to count.

As published it forgives almost everything: unknown keys are allowed, and `nullable` beside `$ref` or `oneOf` (which
has no `type` to go with) makes common validators give up. Written as OpenAPI 3.0; judged as JSON Schema 2020-12.
"""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs

#: Keywords whose value is data, not schema.
_DATA = frozenset({"example", "default", "enum", "required", "description"})


#: The part of it that tests/data holds: the operations that the sandbox serves.
EXCERPT = Path(__file__).parents[2] / "data" / "klaviyo" / "openapi.json"


def official_file() -> Path:
    """Find the official schema: where HANGTAG_KLAVIYO_OPENAPI says, else the excerpt."""
    return Path(os.environ.get("HANGTAG_KLAVIYO_OPENAPI", EXCERPT))  # noqa: TID251 - a test's own switch


def operations(spec: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """List the operations for servers by method and path; those under /client take a public key, from a browser."""
    return {
        (method.upper(), path): operation
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "operationId" in operation and path.startswith("/api/")
    }


def body_judge(spec: dict[str, Any], method: str, path: str) -> jsonschema_rs.Draft202012Validator:
    """Make the validator of one operation's request body."""
    content = operations(spec)[method, path]["requestBody"]["content"]["application/vnd.api+json"]
    schemas = {name: closed(schema) for name, schema in spec["components"]["schemas"].items()}
    return jsonschema_rs.Draft202012Validator({**closed(content["schema"]), "components": {"schemas": schemas}})


def answer_judge(
    spec: dict[str, Any], method: str, path: str, status: int
) -> jsonschema_rs.Draft202012Validator | None:
    """Make the validator of one operation's answer; None where the answer has no body."""
    answers = operations(spec)[method, path]["responses"]
    answer = answers[str(status) if str(status) in answers else f"{status // 100}XX"]
    if "$ref" in answer:
        answer = spec["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    if "content" not in answer:
        return None
    schema = answer["content"]["application/vnd.api+json"]["schema"]
    schemas = {name: nullable(one) for name, one in spec["components"]["schemas"].items()}
    for name in ("next", "prev"):
        # Klaviyo answers null where there is no such page, which its schema does not say.
        schemas["CollectionLinks"]["properties"][name] = {"type": ["string", "null"]}
    return jsonschema_rs.Draft202012Validator({**nullable(schema), "components": {"schemas": schemas}})


def closed(schema: Any) -> Any:
    """Close a schema and all within it."""
    return _strict(schema, close=True)


def nullable(schema: Any) -> Any:
    """Make `nullable` count, in a schema and all within it."""
    return _strict(schema, close=False)


def _strict(schema: Any, *, close: bool) -> Any:
    if isinstance(schema, list):
        return [_strict(one, close=close) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: value if key in _DATA else _strict(value, close=close)
        for key, value in schema.items()
        if key != "properties"
    }
    if "properties" in schema:
        # Its keys are names of fields, some of which look like keywords.
        strict["properties"] = {name: _strict(field, close=close) for name, field in schema["properties"].items()}
        if schema["properties"] and close:
            strict.setdefault("additionalProperties", False)
    # No integer can be exactly one of these.
    if [one.get("type") for one in strict.get("oneOf", ())] == ["integer", "number"]:
        del strict["oneOf"]
        strict["type"] = "number"
    return {"anyOf": [strict, {"type": "null"}]} if strict.pop("nullable", False) else strict


def load(path: Path) -> dict[str, Any]:
    """Read the file."""
    spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return spec
