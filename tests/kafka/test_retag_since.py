"""`hangtag retag --since` on a real Kafka: the embedded broker finds no offset by its time."""

import time

from recognized import publish, recognized

from streams.config.settings import Settings
from streams.operations.retag import read_kept
from streams.wiring.kafka import make_emitter


async def test_only_texts_since_a_time_are_looked_at(kafka, topic_prefix):
    settings = Settings(bootstrap_servers=kafka, topic_prefix=topic_prefix, group_prefix=topic_prefix)
    emitter = make_emitter(settings)
    await publish(emitter, settings, recognized("old", "棉质衬衫"))
    time.sleep(0.05)  # noqa: ASYNC251 - the broker tells times by the millisecond
    between = time.time()
    await publish(emitter, settings, recognized("new", "棉质衬衫"))
    await emitter.aclose()

    assert set(read_kept(settings).places) == {"old", "new"}
    kept = read_kept(settings, since=between)
    # The tag stage never ran: it will tag both by itself.
    assert (set(kept.places), kept.waiting) == ({"new"}, {"new"})
    assert kept.to_tag("any") == {}
