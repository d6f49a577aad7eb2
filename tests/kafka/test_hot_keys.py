"""One id with a great share of the uploads: its photos are read concurrently, and other shoppers do not wait."""

import asyncio
import time

from traffic import Upload, hear, hear_all, publish, stage

from schemas.codec import decode
from schemas.events import TextRecognized
from streams.config.settings import Settings
from streams.kafka.partitioner import partition_of
from streams.kafka.reader import follow
from streams.wiring.kafka import make_topics

#: As tests/kafka/conftest.py makes the topics.
PARTITIONS = 3
KIOSK = [Upload(number, "kiosk", "later" if number == 0 else "slow-10") for number in range(400)]


def elsewhere(count: int) -> list[Upload]:
    """Make one upload for each of `count` shoppers whose partition is not the kiosk's."""
    hot = partition_of(b"kiosk", PARTITIONS)
    shoppers = [f"s{number}" for number in range(count * PARTITIONS)]
    return [Upload(0, one) for one in shoppers if partition_of(one.encode(), PARTITIONS) != hot][:count]


async def test_photos_of_one_id_are_read_concurrently_in_order_and_delay_no_other_partition(
    settings: Settings, tmp_path
):
    (tmp_path / "outage").touch()
    others = elsewhere(40)
    small = settings.model_copy(update={"in_flight": 4, "pending": 8, "span": 64})
    await publish(settings, KIOSK)
    with stage(small, tmp_path) as running:
        await asyncio.to_thread(running.await_said, "slow work begins")
        await publish(settings, others)
        heard = await asyncio.to_thread(hear, settings, lambda heard: len(heard) == len(others))
        assert set(heard) == {one.id for one in others}
        # The first photo of the kiosk waits for its next try. Those behind it are read, and wait for their turn.
        deadline = time.monotonic() + 60
        while running.log.read_text(errors="replace").count("slow work begins") < 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        (tmp_path / "outage").unlink()
        await asyncio.to_thread(hear, settings, lambda heard: len(heard) == len(others) + len(KIOSK))
        assert await asyncio.to_thread(running.stop) == 0
    assert hear_all(settings).duplicates == 0
    texts = [decode(TextRecognized, one.value) for one in follow(settings, [make_topics(settings).texts.name])]
    assert [one.upload_id for one in texts if one.shopper_id == "kiosk"] == [one.id for one in KIOSK]
