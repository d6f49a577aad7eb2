"""`hangtag retag` as its users run it: kept texts, a changed lexicon, and only what differs is published."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recognized import publish, recognized

from schemas.codec import decode
from schemas.events import OutfitTagged
from streams.config.settings import Settings, child_environment
from streams.kafka.reader import follow
from streams.wiring.kafka import make_emitter, make_topics

TEXTS = {
    "u1": "云感棉衬衫",
    "u2": "羊毛大衣",
    "u3": "棉质衬衫",
    "u4": "Lorem ipsum dolor",
    "u5": "云朵棉",
    "u6": "云锦绒",
}
OLD = '[cotton]\nwords = ["云感棉", "云锦绒"]\n'
NEW = """\
[cotton]
without = ["棉质"]

[cloud-cotton]
en = "Cloud cotton"
zh = "云朵棉"
words = ["云朵棉", "云感棉"]
implies = ["material/cotton"]
"""


@pytest.fixture
def settings(broker) -> Settings:
    return Settings(bootstrap_servers=broker.address)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "material.toml").write_text(OLD, encoding="utf-8")
    return folder


def hangtag(settings: Settings, own: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "streams", *arguments],
        env=child_environment(bootstrap_servers=settings.bootstrap_servers, lexicon=own, lexicon_poll_s=0),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def retag(settings: Settings, own: Path, *arguments: str) -> str:
    running = hangtag(settings, own, "retag", *arguments)
    out, errors = running.communicate(timeout=90)
    assert running.returncode == 0, errors
    return out


def tags(settings: Settings) -> list[OutfitTagged]:
    topic = make_topics(settings).tags.name
    return [decode(OutfitTagged, seen.value) for seen in follow(settings, [topic])]


def recognize(settings: Settings, texts: dict[str, str]) -> None:
    async def put() -> None:
        emitter = make_emitter(settings)
        for upload_id, text in texts.items():
            await publish(emitter, settings, recognized(upload_id, text, shopper_id=f"shopper-{upload_id}"))
        await emitter.aclose()

    asyncio.run(put())


def tag_all(settings: Settings, own: Path, *, uploads: int) -> None:
    """Run the tag stage until it has published so many events, then stop it in order, so that it commits them."""
    stage = hangtag(settings, own, "worker", "tag")
    deadline = time.monotonic() + 60
    while len(tags(settings)) < uploads:
        assert stage.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    stage.send_signal(signal.SIGTERM)
    _, errors = stage.communicate(timeout=60)
    assert stage.returncode == 0, errors


def test_only_uploads_whose_tags_changed_are_published_once_and_as_backfill(settings, own):
    recognize(settings, TEXTS)
    tag_all(settings, own, uploads=4)
    first = {event.upload_id: event for event in tags(settings)}
    assert set(first) == {"u1", "u2", "u3", "u6"}
    # This one the tag stage has yet to come to: it must keep its flows.
    recognize(settings, {"u7": "云朵棉"})
    (own / "material.toml").write_text(NEW, encoding="utf-8")

    *changes, summary = map(json.loads, retag(settings, own, "--dry-run", "--json").splitlines())
    assert {change["upload_id"]: (change["added"], change["removed"]) for change in changes} == {
        "u1": (["material/cloud-cotton"], []),
        "u3": ([], ["material/cotton"]),
        "u5": (["material/cloud-cotton", "material/cotton"], []),
        "u6": ([], ["material/cotton"]),
    }
    assert changes[0]["lexicon_before"] == first["u1"].lexicon_version
    assert (summary["uploads"], summary["changed"], summary["published"]) == (7, 4, 0)
    assert (summary["without_a_tag_left"], summary["left_to_the_tag_stage"]) == (1, 1)
    assert len(tags(settings)) == 4

    # One shopper first, as if it had been interrupted; then the rest; then nothing is left.
    assert "1 changed, 1 published" in retag(settings, own, "--shopper", "shopper-u3")
    shown = retag(settings, own)
    assert "3 changed, 3 published" in shown
    assert "1 of these have no tag" in shown
    assert "no upload's tags change" in retag(settings, own)

    corrections = [event for event in tags(settings) if event.lexicon_version == summary["lexicon_version"]]
    assert {event.upload_id: [tag.id for tag in event.tags] for event in corrections} == {
        "u1": ["category/shirt", "material/cloud-cotton", "material/cotton"],
        "u3": ["category/shirt"],
        "u5": ["material/cloud-cotton", "material/cotton"],
        "u6": [],
    }
    assert len(corrections) == 4
    assert all(event.backfill for event in corrections)
    assert all(event.uploaded_at <= event.tagged_at for event in corrections)


def test_without_topics_it_says_what_to_do(own):
    running = hangtag(Settings(bootstrap_servers="127.0.0.1:9"), own, "retag")
    _, errors = running.communicate(timeout=90)
    assert running.returncode == 2
    assert "cannot" in errors
    assert "Traceback" not in errors
