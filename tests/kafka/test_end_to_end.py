"""The whole chain on a real Kafka: real photos, real OCR, three stage processes, a local Klaviyo over HTTP."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.kafka.reader import follow
from streams.operations.demo import feed, profiles, running, watch
from streams.operations.trace import trace_upload

PHOTOS = Path(__file__).parents[2] / "samples" / "photos"


async def test_a_photo_travels_the_whole_way(kafka, topic_prefix, tmp_path):
    photos = sorted(PHOTOS.iterdir())[:4]
    odd = tmp_path / "名 字.jpg"
    odd.write_bytes(b"this is no photo")
    async with running(print, kafka=kafka, prefix=topic_prefix) as chain:
        uploads = await feed(chain, [*photos, odd], lambda: None)
        journeys = await watch(chain, uploads, limit_s=120, tell=lambda _ended: None)
        said = await profiles(chain)
        outcomes = {uploads[upload_id].name: journey.outcome for upload_id, journey in journeys.items()}
        assert None not in outcomes.values(), outcomes
        assert outcomes["名 字.jpg"] == "feedback"
        synced = [upload_id for upload_id, journey in journeys.items() if journey.outcome == "synced"]
        assert len(synced) >= 3, outcomes
        wanted = {tag.value for upload_id in synced for tag in journeys[upload_id].tags if tag.category == "material"}
        assert wanted <= {value for profile in said for value in _materials(profile)}
        found = trace_upload(chain.settings, synced[0])
        assert found.ended == "synced"
        assert [step.what for step in found.steps] == [
            "PhotoUploaded",
            "TextRecognized",
            "OutfitTagged",
            "ProfileSynced",
        ]
        _read_by_another_client(kafka, f"{topic_prefix}.tags", expected=len(synced), settings=chain.settings)


def _materials(profile: dict) -> list[str]:
    return profile.get("attributes", profile)["properties"].get("outfit_materials", [])


def _read_by_another_client(kafka: str, topic: str, *, expected: int, settings) -> None:
    """Subscribers use any client: kcat where it is installed, and the headers must be there."""
    assert sum(1 for _ in follow(settings, [topic])) == expected
    if shutil.which("kcat") is None:
        return
    read = subprocess.run(
        ["kcat", "-C", "-b", kafka, "-t", topic, "-e", "-q", "-J"], capture_output=True, check=True, timeout=30
    )
    messages = [json.loads(line) for line in read.stdout.splitlines()]
    assert len(messages) == expected
    for message in messages:
        headers = dict(zip(message["headers"][::2], message["headers"][1::2], strict=True))
        assert headers["ce_type"] == "hangtag.outfit-tagged.v1"
        assert headers["content-type"] == "application/json"
        assert json.loads(message["payload"])["tags"]


def test_there_are_sample_photos_to_travel():
    if not list(PHOTOS.iterdir()):
        pytest.fail("samples/photos is empty: run samples/draw.py")
