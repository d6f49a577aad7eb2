"""Shows what the sync stage would send to Klaviyo for one upload: runs the real sink on its newest tags, offline."""

from collections.abc import Callable, Iterable

from klaviyo_sink.api.errors import Failure
from klaviyo_sink.dry_run import DryRun
from klaviyo_sink.sink import Written
from schemas.codec import UndecodableError, decode
from schemas.events import OutfitTagged
from schemas.topics import topics
from streams.config.settings import Settings
from streams.index.lookup import UploadIndex
from streams.kafka.reader import Seen, follow
from streams.kafka.within import Within
from streams.wiring.klaviyo import make_sink


async def rehearse(
    settings: Settings, tagged: OutfitTagged, show: Callable[[str, bytes], None], *, ledger: bool
) -> Written | Failure:
    """
    Show each request that would be sent, and its body; return the outcome if Klaviyo accepted it.

    With `ledger`, an upload that Klaviyo already has is not shown, because it would not be sent again.

    Raises:
        ValueError: The state database cannot be opened, or a setting is not valid.

    """
    sink = await make_sink(settings, dry_run=DryRun(show, ledger=ledger))
    try:
        return await sink.sync(tagged)
    finally:
        await sink.aclose()


def newest_tagged(
    settings: Settings, upload_id: str, *, within: Within | None = None, index: UploadIndex | None = None
) -> OutfitTagged | None:
    """
    Return the last event that the tag stage published of an upload; None if that part of the topic has none.

    Raises:
        UnreadableTopicError: The topic is missing, or no broker responds.
        SQLAlchemyError: The state database failed.

    """
    names = [topics(settings.topic_prefix).tags.name]
    if index is not None:
        return newest_tagged_of(index.messages_of_upload(names, upload_id), upload_id)
    return newest_tagged_of(follow(settings, names, within=within), upload_id)


def newest_tagged_of(messages: Iterable[Seen], upload_id: str) -> OutfitTagged | None:
    """Return the last event of an upload among messages of the tags topic; None if there is none."""
    needle, found = upload_id.encode(), None
    for seen in messages:
        # Parsing every event would be slow. An event of this upload contains its id in the bytes.
        if needle not in (seen.value or b"") and ("ce_id", needle) not in seen.headers:
            continue
        try:
            event = decode(OutfitTagged, seen.value)
        except UndecodableError:
            continue
        if event.upload_id == upload_id:
            found = event
    return found
