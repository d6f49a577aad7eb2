"""No change of an event's schema breaks who wrote or read by the last release's, kept in schemas/released/."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model

from schemas.compatibility import UnjudgedError, breaking_changes
from schemas.events import EVENTS, Event, OutfitTagged, PhotoUploaded
from schemas.export import json_schemas

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "schemas" / "released"
NOW = {name: json.loads(text) for name, text in json_schemas().items()}
UPLOADED, TAGGED = (f"{event.ce_type}.json" for event in (PhotoUploaded, OutfitTagged))


def version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))


def test_no_schema_breaks_the_last_release():
    last = max(RELEASED.iterdir(), key=lambda folder: version(folder.name))
    kept = {path.name: json.loads(path.read_text()) for path in last.glob("*.json")}
    assert kept, f"{last.name} keeps no schemas"
    assert kept.keys() <= NOW.keys(), "an event that was released is gone"
    ours = {f"{event.ce_type}.json" for event in EVENTS} - {UPLOADED}
    broken = [
        f"{name}: {change}"
        for name, schema in kept.items()
        for change in breaking_changes(schema, NOW[name], written_by_us=name in ours)
    ]
    assert not broken, f"breaks {last.name}; add a new event type instead (docs/subscribing.md):\n" + "\n".join(broken)


def test_the_schemas_of_every_release_are_kept():
    released = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert set(released) <= {folder.name for folder in RELEASED.iterdir()}


def drop(*path: str) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        for step in path[:-1]:
            schema = schema[step]
        del schema[path[-1]]

    return change


def put(*path: str, value: Any) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        for step in path[:-1]:
            schema = schema[step]
        schema[path[-1]] = value

    return change


def also_require(*path: str) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        for step in path[:-1]:
            schema = schema[step]
        schema["required"] = [*schema.get("required", ()), path[-1]]

    return change


#: What was changed in the schema of which event, and how the sentence about it begins.
PLANTED = {
    "a field is removed": (UPLOADED, drop("properties", "locale"), "event.locale: the field was removed"),
    "a nested field is removed": (UPLOADED, drop("$defs", "Photo", "properties", "sha256"), "event.photo.sha256: the"),
    "a field is removed in what a list holds": (
        TAGGED,
        drop("$defs", "Evidence", "properties", "line"),
        "event.tags[].evidence[].line: the field was removed",
    ),
    "a type changes": (UPLOADED, put("properties", "backfill", "type", value="string"), "event.backfill: the type"),
    "a number must be whole": (
        TAGGED,
        put("$defs", "Tag", "properties", "score", "type", value="integer"),
        "event.tag",
    ),
    "null is refused": (
        UPLOADED,
        put("properties", "locale", value={"type": "string", "maxLength": 35, "default": None}),
        "event.locale: the type null is refused",
    ),
    "a field is required": (UPLOADED, also_require("locale"), "event.locale: the field is required"),
    "a nested field is required": (UPLOADED, also_require("$defs", "Photo", "sha256"), "event.photo.sha256: the field"),
    "a new field is required": (UPLOADED, also_require("channel"), "event.channel: the field is required"),
    "an enum loses a value": (
        "hangtag.profile-synced.v1.json",
        put("properties", "lane", "enum", value=["single"]),
        "event.lane: the values ['bulk'] are refused",
    ),
    "a free value becomes an enum": (
        UPLOADED,
        put("$defs", "Photo", "properties", "uri", "enum", value=["s3://b/k"]),
        "event.photo.uri: only",
    ),
    "the version moves": (UPLOADED, put("properties", "schema_version", "const", value=2), "event.schema_version: the"),
    "a text must be shorter": (UPLOADED, put("properties", "upload_id", "maxLength", value=64), "event.upload_id: max"),
    "a pattern changes": (
        UPLOADED,
        put("properties", "shopper_id", "pattern", value="^s"),
        "event.shopper_id: pattern",
    ),
    "leaving it out changes its meaning": (
        UPLOADED,
        put("properties", "backfill", "default", value=True),
        "event.backfill: the default changed",
    ),
}


@pytest.mark.parametrize(("name", "change", "sentence"), PLANTED.values(), ids=PLANTED.keys())
def test_a_breaking_change_is_found_and_named(name, change, sentence):
    changed = deepcopy(NOW[name])
    change(changed)
    found = breaking_changes(NOW[name], changed, written_by_us=False)
    assert [one for one in found if one.startswith(sentence)], found


#: Harmless to producers, but a subscriber's generated code or validator would refuse the new events.
WIDENED = {
    "an enum gains a value": put("$defs", "Quality", "properties", "verdict", "enum", value=["ok", "glare"]),
    "a required field may be missing": put("$defs", "TextLine", "required", value=["text"]),
    "null is allowed": put("properties", "texts", value={"anyOf": [{"type": "array"}, {"type": "null"}]}),
    "a bound is lifted": put("$defs", "TextLine", "properties", "score", "maximum", value=100),
}


@pytest.mark.parametrize("change", WIDENED.values(), ids=WIDENED.keys())
def test_the_old_schema_can_read_our_events(change):
    old = NOW["hangtag.text-recognized.v1.json"]
    changed = deepcopy(old)
    change(changed)
    assert any("readers by the old schema" in one for one in breaking_changes(old, changed, written_by_us=True))


@pytest.mark.parametrize("written_by_us", [True, False])
@pytest.mark.parametrize("name", NOW)
def test_a_new_optional_field_breaks_no_reader(name, written_by_us):
    changed = deepcopy(NOW[name])
    put("properties", "mood", value={"type": "string", "description": "New."})(changed)
    changed["description"] = "Says it better."
    assert breaking_changes(NOW[name], changed, written_by_us=written_by_us) == []


def test_a_field_dropped_from_the_model_itself_is_found():
    kept = {name: (field.annotation, field) for name, field in PhotoUploaded.model_fields.items() if name != "photo"}
    shrunk: type[Event] = create_model("PhotoUploaded", **kept)
    found = breaking_changes(NOW[UPLOADED], shrunk.model_json_schema(), written_by_us=False)
    assert "event.photo: the field was removed" in found


def test_a_list_that_could_hold_anything_and_now_may_not_is_found():
    free = {"type": "object", "properties": {"sizes": {"type": "array"}}}
    held = {"type": "object", "properties": {"sizes": {"type": "array", "items": {"type": "string"}}}}
    assert breaking_changes(free, held, written_by_us=False) == [
        "event.sizes[]: the type any is refused, string is required"
    ]


def test_an_unknown_keyword_of_a_schema_fails_the_comparison():
    changed = deepcopy(NOW[UPLOADED])
    changed["properties"]["locale"] = {"oneOf": [{"type": "string"}]}
    with pytest.raises(UnjudgedError, match="oneOf"):
        breaking_changes(NOW[UPLOADED], changed, written_by_us=False)
