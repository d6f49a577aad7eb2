"""What the sink counts as success is what the official schema answers to that call, and nothing less."""

import json
from typing import Any

import pytest
from closed_schema import load, official_file, operations

from klaviyo_sink.api.success import SUCCESS, Accepted, read_success

JSON = "application/vnd.api+json"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return load(official_file())


def successes(spec, operation):
    """Return the schemas of an operation's 2xx answers by status; None for an answer without a body."""
    answers = operations(spec)[tuple(operation.split(" "))]["responses"]
    good = {int(status): answer.get("content") for status, answer in answers.items() if status.startswith("2")}
    return {status: content and content[JSON]["schema"] for status, content in good.items()}


def least(spec, schema):
    """Write the smallest JSON that a schema takes: what is required, and the first of what is allowed."""
    if "$ref" in schema:
        return least(spec, spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "allOf" in schema:
        return {name: value for part in schema["allOf"] for name, value in least(spec, part).items()}
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return least(spec, schema[choice][0])
    kind = schema.get("type", "object")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: least(spec, fields[name]) for name in schema.get("required", ())}
    if kind == "array":
        return [least(spec, schema["items"])]
    return schema.get("enum", [{"string": "x", "integer": 1, "number": 1.5, "boolean": True}[kind]])[0]


@pytest.mark.parametrize("operation", SUCCESS)
def test_statuses_and_bodies_are_the_official_ones(spec, operation):
    official, ours = successes(spec, operation), SUCCESS[operation]
    assert ours.statuses == official.keys()
    assert {schema is None for schema in official.values()} == {ours.resource is None}


@pytest.mark.parametrize("operation", [one for one, ours in SUCCESS.items() if ours.resource])
def test_the_client_accepts_the_smallest_official_answer_and_nothing_smaller(spec, operation):
    ours = SUCCESS[operation]
    for status, schema in successes(spec, operation).items():
        whole = least(spec, schema)
        one = whole["data"][0] if ours.many else whole["data"]
        if ours.named:
            # The schema leaves a profile's id out of what is required; we read it.
            one.setdefault("id", "01A")
        assert isinstance(read(operation, status, whole), Accepted)
        for needed in one.keys() & {"type", "id", "attributes"}:
            lacking = {name: value for name, value in one.items() if name != needed}
            assert not isinstance(read(operation, status, {"data": [lacking] if ours.many else lacking}), Accepted)
        assert not isinstance(read(operation, status, {"data": one if ours.many else [one]}), Accepted)
        assert not isinstance(read(operation, status, {}), Accepted)


def read(operation, status, content):
    return read_success(operation, status, JSON, json.dumps(content).encode())
