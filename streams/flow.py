"""Defines which topic each stage consumes and which it publishes. Knows no code that does the work."""

from schemas.topics import Topic, notifications, topics, uploads_to_rekey
from streams.config.settings import Settings


def flow_of(settings: Settings) -> dict[str, tuple[Topic, tuple[Topic, ...]]]:
    """Return, by stage, the topic it consumes and the topics it publishes."""
    all_topics = topics(settings.topic_prefix)
    flow = {
        "recognize": (all_topics.uploads, (all_topics.texts, all_topics.feedback)),
        "tag": (all_topics.texts, (all_topics.tags,)),
        "sync": (all_topics.tags, (all_topics.profiles,)),
    }
    if settings.notifications_topic is not None:
        flow["notifications"] = (notifications(settings.notifications_topic)[0], (all_topics.uploads,))
    if settings.rekey_topic is not None:
        flow["rekey"] = (uploads_to_rekey(settings.rekey_topic)[0], (all_topics.uploads,))
    return flow
