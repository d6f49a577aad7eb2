"""Records that Faust fetched and threw away before a group's first commit are gone back to."""

from types import SimpleNamespace

from faust.types import TP

from streams.runtime.consumer import StageConsumer

FRESH, AT_ZERO, WORKED, UNKNOWN = (TP("outfit.uploads", number) for number in range(4))
COMMITTED = {FRESH: None, AT_ZERO: 0, WORKED: 40, UNKNOWN: None}
STARTS = {FRESH: 7, AT_ZERO: 0, WORKED: 30}


class ConsumerThread:
    """Stands where Faust's consumer thread stands, and remembers where it was sent."""

    def __init__(self) -> None:
        self.sought: dict[TP, int] = {}

    async def seek_to_committed(self) -> dict[TP, int | None]:
        """Do as aiokafka: only a commit above zero moves a position."""
        self.sought |= {tp: offset for tp, offset in COMMITTED.items() if offset}
        return dict(COMMITTED)

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.sought |= partitions


async def test_a_partition_without_a_commit_is_read_from_its_start_again():
    """The commit counts where there is one; a partition whose start nobody knows stays where it is."""
    consumer = object.__new__(StageConsumer)
    consumer._thread = ConsumerThread()
    consumer.app = SimpleNamespace(first_offset=lambda place: STARTS.get(TP(place.topic, place.number)))
    assert await consumer.seek_to_committed() == COMMITTED
    assert consumer._thread.sought == {FRESH: 7, AT_ZERO: 0, WORKED: 40}
