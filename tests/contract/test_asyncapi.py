"""schemas/asyncapi.yaml describes the topics as they are, with events that were really published."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import npm
import pytest
import yaml

from schemas.asyncapi import LETTER_HEADERS
from schemas.codec import encode
from schemas.events import EVENTS
from schemas.topics import topics
from streams.kafka.topics import wanted
from streams.runtime.dead_letters import letter_headers, read_letter

ROOT = Path(__file__).parents[2]
CHECK = Path(__file__).with_name("asyncapi")
TEXT = (ROOT / "schemas" / "asyncapi.yaml").read_text()


@pytest.fixture(scope="module")
def document() -> Any:
    return yaml.safe_load(TEXT)


def test_the_official_parser_finds_nothing_wrong_and_would(tmp_path):
    # The parser is Node's, 27 MB from npm: who has neither works on the code all the same.
    if trouble := npm.missing(CHECK):
        pytest.skip(f"asyncapi.yaml was not shown to the official parser: {trouble}")
    planted = tmp_path / "planted.yaml"
    channels = {"tags": {"messages": {"OutfitTagged": {"$ref": "#/components/messages/Nowhere"}}}}
    planted.write_text(
        yaml.safe_dump({"asyncapi": "3.0.0", "info": {"title": "t", "version": "1"}, "channels": channels})
    )
    files = [str(ROOT / "schemas" / "asyncapi.yaml"), str(planted)]
    said = subprocess.run(["node", str(CHECK / "validate.mjs"), *files], capture_output=True, text=True, check=True)
    found, found_planted = [json.loads(line) for line in said.stdout.splitlines()]
    assert found == []
    assert any("OutfitTagged" in problem for problem in found_planted), found_planted


def test_every_topic_is_a_channel_with_its_settings(document):
    described = {channel["address"]: channel["bindings"]["kafka"] for channel in document["channels"].values()}
    assert described.keys() == {topic.name for topic in topics().all()}
    for topic in topics().all():
        found = described[topic.name]
        assert found["partitions"] == topic.partitions
        config = found["topicConfiguration"]
        # How a topic is cut into segments concerns no client.
        told = {name: value for name, value in wanted(topic).items() if name != "segment.ms"}
        assert config | {"cleanup.policy": config["cleanup.policy"][0]} == told


def test_every_field_has_a_description(document):
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for field, said in schema["properties"].items():
            # A field that would only repeat what its type says refers to it.
            told = said.get("description") or schemas[said["$ref"].rpartition("/")[2]]["description"]
            assert told, f"{name}.{field} is not described"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_the_example_is_an_event_as_the_code_writes_it(event, document):
    message = document["components"]["messages"][event.__name__]
    (example,) = message["examples"]
    for part in ("headers", "payload"):
        schema = {"$ref": message[part]["$ref"], "components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(example[part])
    source = example["headers"]["ce_source"]
    value, headers = encode(event.model_validate(example["payload"]), source=source)
    assert json.loads(value) == example["payload"]
    assert {name: (text or b"").decode() for name, text in headers} == example["headers"]


def test_dead_letters_have_the_headers_that_are_described():
    letter = read_letter([(name, b"1") for name in LETTER_HEADERS])
    assert letter is not None
    assert {name for name, _ in letter_headers([], letter)} == LETTER_HEADERS.keys()
