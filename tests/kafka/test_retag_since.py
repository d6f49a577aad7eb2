"""`hangtag retag --since` on a real Kafka: the embedded broker finds no offset by its time."""

import time

from recognized import publish, recognized

from streams.config.settings import Settings
from streams.operations.kept_uploads import Counts
from streams.operations.retag import Kept, read_uploads
from streams.wiring.kafka import make_emitter


async def test_only_texts_since_a_time_are_looked_at(kafka, topic_prefix):
    settings = Settings(bootstrap_servers=kafka, topic_prefix=topic_prefix, group_prefix=topic_prefix)
    emitter = make_emitter(settings)
    await publish(emitter, settings, recognized("old", "棉质衬衫"))
    time.sleep(0.05)  # noqa: ASYNC251 - the broker tells times by the millisecond
    between = time.time()
    await publish(emitter, settings, recognized("new", "棉质衬衫"))
    await emitter.aclose()

    def counts(since: float | None) -> Counts:
        kept, found = Kept(settings, since), Counts()
        for part in kept.parts():
            with read_uploads(kept, part, kept.committed()) as uploads:
                found += uploads.counts("any")
        return found

    # The tag stage never ran: it will tag both by itself.
    assert counts(None) == Counts(uploads=2, waiting=2)
    assert counts(between) == Counts(uploads=1, waiting=1)
