"""Exports the events as JSON Schemas, for subscribers who use other tools. Pure: writes no file."""

import json

from schemas.events import EVENTS


def json_schemas() -> dict[str, str]:
    """Return one JSON Schema (draft 2020-12) per event as text, by file name."""
    schemas = {}
    for event in EVENTS:
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:{event.ce_type.replace('.', ':')}",
            **event.model_json_schema(),
        }
        schemas[f"{event.ce_type}.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return schemas
