"""Quix Streams with its defaults: it commits every five seconds, after a flush."""

import tempfile

from job import BOOTSTRAP, GROUP, SOURCE, TARGET, work
from quixstreams import Application

app = Application(
    broker_address=BOOTSTRAP,
    consumer_group=GROUP,
    auto_offset_reset="earliest",
    state_dir=tempfile.mkdtemp(),
    loglevel="ERROR",
    auto_create_topics=False,
    processing_guarantee="at-least-once",
)
source = app.topic(SOURCE, value_deserializer="bytes", key_deserializer="bytes")
target = app.topic(TARGET, value_serializer="bytes", key_serializer="bytes")
frame = app.dataframe(source).apply(lambda value: work(value)[1])
frame.to_topic(target)
app.run()
