"""
Events that were once published go through today's code: kept messages, dead letters and other teams' producers.

The events in schemas/examples/ (recorded by record_events.py) and in stored_events/ (corners that v1 allowed, also by
writers that are not ours) is added to with each version, and never changed or removed.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from klaviyo_sink.profile.style import StyleProfile, contribution, event_properties, fold, unique_id
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger
from schemas.codec import decode, encode
from schemas.events import EVENTS, Event, OutfitTagged, TextRecognized
from schemas.topics import topics
from streams.agents.texts import tag

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "schemas" / "examples").glob("*.json")),
    *sorted(Path(__file__).with_name("stored_events").glob("*.json")),
]
KINDS: dict[str, type[Event]] = {event.ce_type: event for event in EVENTS}
TOPICS = {topic.name: topic.event for topic in topics().all()}


def read(path: Path) -> tuple[dict[str, Any], Event]:
    stored = json.loads(path.read_text())
    value = json.dumps(stored["value"], ensure_ascii=False).encode()
    return stored, decode(KINDS[stored["headers"]["ce_type"]], value)


def test_every_event_has_been_stored():
    assert {json.loads(path.read_text())["headers"]["ce_type"] for path in FILES} >= KINDS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_event_is_understood_in_full(path):
    stored, event = read(path)
    assert TOPICS[stored["topic"]] is type(event)
    assert stored["key"] == event.shopper_id
    assert stored["headers"]["ce_id"] == event.upload_id
    trace = [(name, text.encode()) for name, text in stored["headers"].items()]
    value, headers = encode(event, source=stored["headers"]["ce_source"], trace=trace)
    assert decode(type(event), value) == event
    _holds(json.loads(value), stored["value"])
    assert {name for name, _ in headers} == stored["headers"].keys()


def _holds(now: Any, stored: Any) -> None:
    """Every known field of a stored value is still there; times may be written differently."""
    if isinstance(stored, dict):
        for name in stored.keys() - {"channel"}:
            _holds(now[name], stored[name])
    elif isinstance(stored, list):
        assert len(now) == len(stored)
        for one, other in zip(now, stored, strict=True):
            _holds(one, other)
    elif now != stored:
        assert datetime.fromisoformat(now) == datetime.fromisoformat(stored)


@pytest.mark.parametrize("path", [path for path in FILES if "text-recognized" in path.name], ids=lambda path: path.stem)
async def test_a_stored_text_is_still_tagged(path):
    _, event = read(path)
    assert isinstance(event, TextRecognized)
    answer = await tag(event, tagger=Tagger(load_lexicon()), now=lambda: datetime.now(UTC))
    found = {one.id for tagged in answer for one in tagged.tags}
    assert ("material/cotton" in found) == bool(event.texts)


@pytest.mark.parametrize("path", [path for path in FILES if "outfit-tagged" in path.name], ids=lambda path: path.stem)
def test_stored_tags_still_make_a_style_profile(path):
    _, event = read(path)
    assert isinstance(event, OutfitTagged)
    profile = fold(StyleProfile(), [contribution(event, "en")])
    assert StyleProfile.read(profile.stored()) == profile
    assert tuple(sorted(profile.uploads[0].every)) == tuple(sorted(one.id for one in event.tags))
    assert event_properties(event)["upload_id"] == event.upload_id
    assert len(unique_id(event)) == 64
