"""Writes the reference pages from the code: events, HTTP APIs and metrics. Knows no other page."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine
from ocr_worker.server import app as ocr
from ocr_worker.server.metrics import Meters
from schemas.outcomes import Never
from streams.gateway import app as gateway
from streams.gateway import middleware
from streams.gateway.memory import Memory
from streams.lag.exporter import METRICS as LAG_METRICS
from streams.telemetry import canary_metrics
from streams.telemetry import metrics as stages

ROOT = Path(__file__).parents[1]
#: A JSON Schema.
Schema = dict[str, Any]
HEAD = "# {}\n\n{}\n`make docs` writes this page from the code; do not edit it by hand.\n"


def events() -> str:
    """Return docs/events.md: the fields and an example of each event."""
    lead = "The fields of each event, and a published example. [Subscribing](subscribing.md) explains their use."
    text = HEAD.format("Events", lead)
    for path in sorted((ROOT / "schemas" / "jsonschema").glob("*.json")):
        schema = json.loads(path.read_text())
        example = json.loads((ROOT / "schemas" / "examples" / path.name).read_text())
        text += (
            f"\n## `{path.stem}`\n\nTopic `{example['topic']}`, key `shopper_id`. {schema.get('description', '')}\n\n"
        )
        text += "| field | type | description |\n|---|---|---|\n"
        text += "".join(_row(name, _kind(field), field, needed) for name, field, needed in _fields(schema, schema))
        text += f"\n```json\n{json.dumps(example['value'], ensure_ascii=False, indent=2)}\n```\n"
    return text


def _fields(schema: Schema, document: Schema, before: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Yield each field with its dotted name, and whether it is required; fields of lists have `[]` in the name."""
    for name, field in schema.get("properties", {}).items():
        found = _resolved(field, document)
        yield before + name, found, name in schema.get("required", ())
        inner = _resolved(found["items"], document) if found.get("type") == "array" and "items" in found else found
        yield from _fields(inner, document, f"{before}{name}{'[]' if inner is not found else ''}.")


def _resolved(field: Schema, document: Schema) -> Schema:
    """Return a field's schema without references and without the alternative null."""
    choices = [one for one in field.get("anyOf", []) if one.get("type") != "null"]
    found = choices[0] if choices else field.get("allOf", [field])[0]
    if "$ref" in found:
        found = document["$defs"][found["$ref"].rpartition("/")[2]]
    own = {key: value for key, value in field.items() if key == "description"}
    return found | own


def _kind(field: Schema) -> str:
    kind = field.get("format") or field.get("type", "object" if "properties" in field else "any")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if kind == "array" and "type" in field.get("items", {}):
        return f"list of {_kind(field['items'])}"
    return "list of objects" if kind == "array" else str(kind)


def _row(name: str, kind: str, field: Schema, needed: bool) -> str:
    meaning = " ".join(field.get("description", "").split()).replace("|", "\\|")
    return f"| `{name}` | {kind}{'' if needed else ', optional'} | {meaning} |\n"


def http() -> str:
    """Return docs/http.md: the operations of the gateway and of the OCR worker, with their answers."""
    text = HEAD.format("HTTP APIs", "Each server also serves its document at `/openapi.json`.")
    for title, document in (("Gateway", _gateway()), ("OCR worker", _ocr_worker())):
        text += f"\n## {title}\n"
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                text += _operation(f"{method.upper()} {path}", operation)
    return text


def _operation(name: str, operation: dict[str, Any]) -> str:
    text = f"\n### `{name}`\n\n"
    text += f"{operation['description']}\n\n" if operation.get("description") else ""
    inputs = [(one["name"], one["in"], one.get("description", "")) for one in operation.get("parameters", [])]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        properties = content["schema"].get("properties", {})
        inputs += [(field, f"body, {media}", one.get("description", "")) for field, one in properties.items()]
    if inputs:
        text += "| input | in | description |\n|---|---|---|\n"
        text += "".join(f"| `{field}` | {place} | {meaning} |\n" for field, place, meaning in inputs) + "\n"
    text += "| status | answer |\n|---|---|\n"
    return text + "".join(f"| {status} | {one['description']} |\n" for status, one in operation["responses"].items())


def _gateway() -> Schema:
    token = SecretStr("token")
    config = gateway.GatewayConfig(token, photo_max_bytes=1, in_flight=1, streams=1, remember_s=1, allow_email=True)
    # No request is served, so nothing publishes.
    producer: Any = None
    return _document(gateway.create_app(config, producer, Memory(keep_s=1, most=1), ready=bool, beside=nullcontext))


def _ocr_worker() -> Schema:
    async def fetch(_: str) -> Never:
        return Never("photo-not-ours", "")

    return _document(ocr.create_app(OcrConfig(token=SecretStr("token")), ScriptedEngine(), fetch=fetch))


def _document(app: Any) -> Schema:
    """Return an app's OpenAPI document."""

    async def read() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.get("/openapi.json")

    return asyncio.run(read()).json()


def metrics_page() -> str:
    """Return docs/metrics.md: every metric with its type, labels and meaning, by the process that serves it."""
    lead = "Every metric, by the process that serves it. [Operations](operations.md#metrics) explains their use."
    text = HEAD.format("Metrics", lead)
    groups = {
        "Stages": _metrics(vars(stages).values()),
        "OCR workers": _metrics(Meters(lambda: 0)._registry._collector_to_names),
        "Gateway": _metrics(vars(middleware).values()),
        "Lag exporter": [(name, "gauge", labels, meaning) for name, (labels, meaning) in LAG_METRICS.items()],
        "Canary": _metrics(vars(canary_metrics).values()),
    }
    for title, rows in groups.items():
        text += f"\n## {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n"
        for name, kind, labels, meaning in sorted(rows):
            text += f"| `{name}` | {kind} | {', '.join(f'`{one}`' for one in labels)} | {meaning} |\n"
    return text


def _metrics(values: Iterable[Any]) -> list[tuple[str, str, Sequence[str], str]]:
    """Return the name, type, labels and meaning of each metric among some values."""
    found = []
    for one in values:
        if isinstance(one, MetricWrapperBase | stages.CallbackGauge):
            registry = CollectorRegistry()
            registry.register(one)
            (family,) = registry.collect()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = one._labelnames if isinstance(one, MetricWrapperBase) else one.labels
            found.append((name, family.type, labels, family.documentation))
    return found
