"""Collects every message of one upload from the topics, and how it ended or what it waits for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic_core import from_json

from schemas.codec import UndecodableError, decode
from schemas.events import DeadLetter, Event, OutfitTagged, PhotoUploaded, ProfileSynced, TextRecognized, UploadFeedback
from schemas.framing import unframed
from schemas.topics import Topic, topics
from streams.config.settings import Settings
from streams.index.lookup import UploadIndex
from streams.kafka.reader import Seen, follow
from streams.kafka.within import Within
from streams.operations.dead_letters import letter_at, place_replayed
from streams.operations.journeys import Journeys
from streams.operations.preview import newest_tagged_of
from streams.runtime.dead_letters import read_letter

#: The beginning of `ce_source` in messages that Hangtag published.
_OURS = "hangtag/"

_ENDS = {
    "synced": "the profile is up to date",
    "feedback": "the shopper is asked for another photo",
    "no_tags": "the lexicon has no tag for its text",
}
#: Stage that processes an upload next, by its last message.
_NEXT = {"OutfitTagged": "sync", "TextRecognized": "tag", "PhotoUploaded": "recognize"}


class TraceStep(BaseModel):
    """One message of an upload."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    #: The writer: upload, recognize, tag, sync, retag; or another producer's own name.
    stage: str
    topic: str
    partition: int
    offset: int
    what: str
    #: A short sentence without recognized text or contact data.
    outcome: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The messages and the state of an upload."""

    #: Oldest first.
    steps: tuple[TraceStep, ...]
    #: How it ended: synced, feedback, no_tags, dead_letter; None if it has not.
    ended: str | None
    #: How it ended or what it waits for, as a sentence.
    standing: str
    #: The last event that the tag stage published of it.
    tagged: OutfitTagged | None = field(default=None, repr=False)

    @property
    def begins(self) -> bool:
        """Whether its first message was found. If not, others may be elsewhere too."""
        return any(step.what == PhotoUploaded.__name__ for step in self.steps)


def trace_upload(
    settings: Settings, upload_id: str, *, within: Within | None = None, index: UploadIndex | None = None
) -> Trace:
    """
    Find every message of an upload: by the index, or within a part of the topics.

    Raises:
        UnreadableTopicError: A topic is missing, or no broker responds.
        SQLAlchemyError: The state database failed.

    """
    order = topics(settings.topic_prefix).all()
    by_name = {topic.name: topic for topic in order}
    if index is None:
        found, replayed = _found(follow(settings, list(by_name), within=within), upload_id)
    else:
        found, replayed = _found(index.messages_of_upload(list(by_name), upload_id), upload_id)
        letters = (seen for seen in found if by_name[seen.topic].event is None)
        # The index has no replay marks; each follows its dead letter in the topic.
        replayed |= {seen.place for seen in letters if _is_replayed(settings, seen)}
    journeys = Journeys(settings, {upload_id})
    journey = journeys.by_upload[upload_id]
    steps = []
    # Messages of one millisecond are in the order of the flow.
    for seen in sorted(found, key=lambda one: (one.timestamp, order.index(by_name[one.topic]), one.offset)):
        topic = by_name[seen.topic]
        again = seen.place in replayed
        step = _step(topic, seen, upload_id, replayed=again)
        if step is not None:
            steps.append(step)
            if topic.event is not None:
                journeys.note(topic, seen)
            elif not again:
                # A replayed letter means that the upload is being processed again.
                journey.stop(read_letter(seen.headers) or _unexplained(seen), seen)
    journeys.ended()
    tagged = newest_tagged_of((one for one in found if by_name[one.topic].event is OutfitTagged), upload_id)
    return Trace(tuple(steps), journey.outcome, _standing(steps, journey.outcome), tagged)


def _found(messages: Iterable[Seen], upload_id: str) -> tuple[list[Seen], set[str]]:
    """Return the messages that may be about an upload, and the places of letters that were replayed."""
    needle, found, replayed = upload_id.encode(), [], set()
    for seen in messages:
        place = place_replayed(seen)
        if place is not None:
            replayed.add(place)
        # Parsing every event would be slow. A message about this upload contains its id in the bytes or the header.
        elif needle in (seen.value or b"") or ("ce_id", needle) in seen.headers:
            found.append(seen)
    return found, replayed


def _is_replayed(settings: Settings, letter: Seen) -> bool:
    found = letter_at(settings, letter.topic, letter.partition, letter.offset)
    return found is not None and found.replayed


def _unexplained(seen: Seen) -> DeadLetter:
    """Return placeholder facts for a letter whose headers have none."""
    at = {"topic": seen.topic, "partition": seen.partition, "offset": seen.offset}
    return DeadLetter(
        **at,
        stage="unknown",
        exception_class="unknown",
        message="its headers give no reason",
        reason="unknown",
        attempts=1,
    )


def _step(topic: Topic, seen: Seen, upload_id: str, *, replayed: bool) -> TraceStep | None:
    stage = _writer(seen)
    if topic.event is None:
        if not _is_of(seen, upload_id):
            return None
        letter = read_letter(seen.headers)
        stage = letter.stage if letter else stage
        what = "dead letter, replayed" if replayed else "dead letter"
        tries = f" (attempt {letter.attempts})" if letter and letter.attempts > 1 else ""
        outcome = f"{letter.reason}: {letter.message}{tries}" if letter else "without headers that give a reason"
    else:
        try:
            event = decode(topic.event, seen.value)
        except UndecodableError as error:
            if not _is_of(seen, upload_id):
                return None
            what, outcome = topic.event.__name__, f"undecodable: {error}"
        else:
            if event.upload_id != upload_id:
                return None
            what, outcome = type(event).__name__, _outcome(event)
    return TraceStep(
        at=datetime.fromtimestamp(seen.timestamp, UTC),
        stage=stage,
        topic=seen.topic,
        partition=seen.partition,
        offset=seen.offset,
        what=what,
        outcome=outcome,
    )


def _is_of(seen: Seen, upload_id: str) -> bool:
    """Return whether a message, which may not be an event, is about this upload: one id may be part of another."""
    if ("ce_id", upload_id.encode()) in seen.headers:
        return True
    try:
        data = from_json(unframed(seen.value or b""))
    except ValueError:
        return f'"{upload_id}"'.encode() in (seen.value or b"")
    return isinstance(data, dict) and data.get("upload_id") == upload_id


def _writer(seen: Seen) -> str:
    source = next((value for name, value in seen.headers if name == "ce_source" and value), b"?")
    name = source.decode("utf-8", "backslashreplace")
    return name.removeprefix(_OURS).partition("/")[0] if name.startswith(_OURS) else name


def _standing(steps: list[TraceStep], ended: str | None) -> str:
    if ended == "dead_letter":
        stage = next(step.stage for step in reversed(steps) if step.what == "dead letter")
        return f"stopped in {stage}: fix the cause, then `hangtag dlq replay`"
    if ended is not None:
        return f"ended: {_ENDS[ended]}"
    written = {step.what for step in steps}
    return f"waits for {next(stage for what, stage in _NEXT.items() if what in written or stage == 'recognize')}"


def _outcome(event: Event) -> str:
    if isinstance(event, PhotoUploaded):
        return f"photo at {event.photo.uri}"
    if isinstance(event, TextRecognized):
        seen = f", saw {len(event.seen.values)} values by {event.seen.engine.model}" if event.seen is not None else ""
        read = f"{len(event.texts)} lines, {event.quality.verdict}, by {event.engine.name} {event.engine.revision}"
        return read + seen
    if isinstance(event, OutfitTagged):
        tags = ", ".join(f"{tag.id} (seen)" if tag.seen_only else tag.id for tag in event.tags)
        return f"{tags} (lexicon {event.lexicon_version[:12]})"
    if isinstance(event, ProfileSynced):
        return f"{event.outcome} by the {event.lane} lane, profile version {event.profile_version}"
    if isinstance(event, UploadFeedback):
        return f"{event.code}: {event.messages.en}"
    raise TypeError(type(event).__name__)
