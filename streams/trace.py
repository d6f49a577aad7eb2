"""One upload's life, put together from the topics alone."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from schemas.codec import UndecodableError, decode
from schemas.events import Event, OutfitTagged, PhotoUploaded, ProfileSynced, TextRecognized, UploadFeedback
from schemas.topics import Topic, topics
from streams.dead_letters import read_letter
from streams.follow import Seen, follow
from streams.settings import Settings


class Step(BaseModel):
    """One message of an upload."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    topic: str
    partition: int
    offset: int
    what: str
    #: A short sentence without recognised text or contact data.
    outcome: str


def trace_upload(settings: Settings, upload_id: str, *, since: float | None = None) -> list[Step]:
    """
    Find every message of an upload, oldest first.

    Raises:
        UnreadableTopicError: a topic is missing, or no broker answered.

    """
    by_name = {topic.name: topic for topic in topics(settings.topic_prefix).all()}
    needle = upload_id.encode()
    steps = []
    for seen in follow(settings, list(by_name), since=since):
        # Reading every event in full would be slow; the id stands in the bytes, or it is none of ours.
        if needle in (seen.value or b"") or ("ce_id", needle) in seen.headers:
            step = _step(by_name[seen.topic], seen, upload_id)
            if step is not None:
                steps.append(step)
    return sorted(steps, key=lambda step: step.at)


def _step(topic: Topic, seen: Seen, upload_id: str) -> Step | None:
    if topic.event is None:
        letter = read_letter(seen.headers)
        what = "dead letter"
        outcome = f"{letter.reason}: {letter.message}" if letter else "without headers that say why"
    else:
        try:
            event = decode(topic.event, seen.value)
        except UndecodableError as error:
            what, outcome = topic.event.__name__, f"undecodable: {error}"
        else:
            if event.upload_id != upload_id:
                return None
            what, outcome = type(event).__name__, _outcome(event)
    return Step(
        at=datetime.fromtimestamp(seen.timestamp, UTC),
        topic=seen.topic,
        partition=seen.partition,
        offset=seen.offset,
        what=what,
        outcome=outcome,
    )


def _outcome(event: Event) -> str:
    if isinstance(event, PhotoUploaded):
        return f"photo at {event.photo.uri}"
    if isinstance(event, TextRecognized):
        return f"{len(event.texts)} lines, {event.quality.verdict}, by {event.engine.name} {event.engine.revision}"
    if isinstance(event, OutfitTagged):
        return f"{', '.join(tag.id for tag in event.tags)} (lexicon {event.lexicon_version[:12]})"
    if isinstance(event, ProfileSynced):
        return f"{event.outcome} by the {event.lane} lane, profile version {event.profile_version}"
    if isinstance(event, UploadFeedback):
        return f"{event.code}: {event.messages.en}"
    raise TypeError(type(event).__name__)
