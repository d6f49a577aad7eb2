"""The status of an upload: the same for any order of the topics, and dropped in time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.events import (
    DeadLetter,
    Engine,
    Event,
    Identity,
    Labels,
    Messages,
    OutfitTagged,
    PhotoRead,
    PhotoUploaded,
    ProfileSynced,
    Quality,
    Tag,
    TextRecognized,
    UploadFeedback,
)
from schemas.topics import Topic, topics
from streams.config.settings import Settings
from streams.gateway.memory import Memory
from streams.index.status import Failure, Status, after, ending, stopped
from streams.kafka.reader import Seen
from streams.operations.journeys import Journeys
from streams.runtime.dead_letters import letter_headers

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENGINE = Engine(name="e", model="m", revision="r")
ANNA = Identity(external_id="anna")
COTTON = Tag(
    id="material/cotton", category="material", value="cotton", labels=Labels(en="", zh=""), score=1, evidence=()
)


def events(upload_id: str = "u1") -> dict[type[Event], Event]:
    common: dict[str, Any] = {"upload_id": upload_id, "shopper_id": "anna", "uploaded_at": NOON}
    read = PhotoRead(uri="s3://b/k", sha256="0" * 64, width=1, height=1)
    quality = Quality(verdict="blurry", sharpness=1)
    messages = Messages(zh="建议上传更清晰的图片", en="Please upload a clearer photo")
    every = (
        PhotoUploaded(**common, photo={"uri": "s3://b/k", "sha256": "0" * 64}, identity=ANNA),
        TextRecognized(
            **common, photo=read, identity=ANNA, texts=(), quality=quality, engine=ENGINE, recognized_at=NOON
        ),
        UploadFeedback(**common, code="blurry", messages=messages, judged_at=NOON),
        OutfitTagged(**common, identity=ANNA, tags=(COTTON,), lexicon_version="l", engine=ENGINE, tagged_at=NOON),
        ProfileSynced(**common, outcome="written", lane="single", profile_version=1, synced_at=NOON),
    )
    return {type(event): event for event in every}


def letter(stage: str) -> DeadLetter:
    return DeadLetter(
        topic="t",
        partition=0,
        offset=0,
        stage=stage,
        exception_class="e",
        message="m",
        reason=f"bad-{stage}",
        attempts=1,
    )


FACTS = (*events().values(), letter("recognize"), letter("tag"), letter("sync"))


def folded(facts: tuple[Event | DeadLetter, ...]) -> Status:
    status = Status(upload_id="u1", changed_at=NOON)
    for fact in facts:
        status = (stopped if isinstance(fact, DeadLetter) else after)(status, fact, NOON)  # type: ignore[arg-type] # one of two
    return status


@given(
    st.lists(st.sampled_from(FACTS), unique_by=id).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some)))
)
def test_the_order_in_which_topics_are_read_changes_nothing(two_orders):
    one, other = two_orders
    assert folded(tuple(one)) == folded(tuple(other))


def test_an_upload_goes_from_step_to_step():
    every = events()
    steps = [PhotoUploaded, TextRecognized, OutfitTagged, ProfileSynced]
    seen = [folded(tuple(every[kind] for kind in steps[:many])) for many in range(1, 5)]
    assert [status.step for status in seen] == ["uploaded", "recognized", "tagged", "synced"]
    assert [status.final for status in seen] == [False, False, False, True]
    assert seen[-1].tags == ("material/cotton",)


def test_a_blurry_photo_may_still_give_tags_and_others_may_not():
    feedback = events()[UploadFeedback]
    assert not folded((feedback,)).final
    assert folded((feedback.model_copy(update={"code": "unsupported"}),)).final
    in_part = feedback.model_copy(update={"code": "unsupported", "detail": "script_unsupported"})
    assert not folded((in_part,)).final, "the lines that were read may still give tags"
    assert folded((in_part,)).feedback.detail == "script_unsupported"


@pytest.mark.parametrize(
    ("stage", "passed"),
    [("recognize", TextRecognized), ("tag", OutfitTagged), ("sync", ProfileSynced), ("?", ProfileSynced)],
)
def test_a_failure_is_final_until_its_step_succeeds(stage: str, passed: type[Event]):
    failed = folded((letter(stage),))
    assert failed.final
    assert failed.failure == Failure(stage=stage, reason=f"bad-{stage}")
    assert after(failed, events()[passed], NOON).failure is None


def test_a_status_names_no_shopper():
    told = folded(FACTS).model_dump_json()
    assert "anna" not in told
    assert "000" not in told, "nor the digest of the photo"


def test_old_uploads_are_forgotten_and_so_are_too_many():
    now = NOON
    memory = Memory(keep_s=60, most=3, clock=lambda: now)
    for number in range(5):
        memory.note(events(f"u{number}")[PhotoUploaded], NOON)
    assert [memory.get(f"u{number}") is not None for number in range(5)] == [False, False, True, True, True]

    now = NOON + timedelta(seconds=61)
    memory.note(events("u9")[PhotoUploaded], now)
    assert len(memory) == 1


async def test_a_waiting_caller_gets_each_change_and_the_end():
    memory = Memory(keep_s=60, most=9, clock=lambda: NOON)
    first = memory.note(events()[PhotoUploaded], NOON)
    waiting = asyncio.create_task(memory.other_than(first, limit_s=5))
    await asyncio.sleep(0)
    memory.note(events("other")[PhotoUploaded], NOON)
    memory.note(events()[PhotoUploaded], NOON)
    memory.note(events()[TextRecognized], NOON)
    second = await waiting
    assert second is not None
    assert second.step == "recognized"

    assert await memory.other_than(second, limit_s=0.01) == second, "nothing changed in time"
    waiting = asyncio.create_task(memory.other_than(second, limit_s=5))
    await asyncio.sleep(0)
    memory.close()
    assert await waiting is None
    assert not memory._waiting


def test_a_letter_that_names_no_upload_is_left():
    memory = Memory(keep_s=60, most=9)
    memory.note_letter("", letter("tag"), NOON)
    assert len(memory) == 0


def seen(fact: Event | DeadLetter, topics_of: dict[type | None, Topic]) -> tuple[Topic, Seen]:
    if isinstance(fact, DeadLetter):
        headers = letter_headers([("ce_id", b"u1")], fact)
        topic, value = topics_of[None], None
    else:
        value, headers = encode(fact, source="test")
        topic = topics_of[type(fact)]
    return topic, Seen(topic.name, 0, 0, NOON.timestamp(), b"anna", value, headers)


@given(st.lists(st.sampled_from(FACTS), unique_by=id))
def test_trace_and_gateway_judge_the_same_messages_alike(facts):
    """Before, a letter that was replayed and tagged was `dead_letter` for one and `tagged` for the other."""
    topics_of = {topic.event: topic for topic in topics().all()}
    journeys = Journeys(Settings(), {"u1"})
    for fact in facts:
        journeys.note(*seen(fact, topics_of))
    journey, status = journeys.by_upload["u1"], folded(tuple(facts))
    assert journey.status.model_copy(update={"changed_at": NOON}) == status
    assert (journey.outcome is not None) == status.final


@given(st.lists(st.sampled_from(FACTS), unique_by=id), st.booleans())
def test_an_upload_that_ended_ends_alike_once_the_tag_stage_is_past_it(facts, past: bool):
    status = folded(tuple(facts))
    assert ending(status) in {None, ending(status, tag_stage_past=past)}
    assert (ending(status) == "dead_letter") == (status.failure is not None and status.step != "synced")
