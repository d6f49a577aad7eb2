"""The polling thread reads on for the partitions that move, and waits for those that do not."""

from confluent_kafka import TopicPartition

from streams.runtime.driver.backpressure import Backpressure


class Partitions:
    """The calls that the consumer gets about its partitions."""

    def __init__(self, *numbers: int) -> None:
        self.ours, self.paused = numbers, set[int]()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("t", one) for one in self.ours]

    def pause(self, places: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in places}

    def resume(self, places: list[TopicPartition]) -> None:
        self.paused -= {one.partition for one in places}


def pressure(monkeypatch, limit: int) -> Backpressure:
    """Make one that has no patience, so that no test waits a second."""
    monkeypatch.setattr("streams.runtime.driver.backpressure._PATIENCE_S", -1)
    monkeypatch.setattr("streams.runtime.driver.backpressure._WAIT_S", 0)
    return Backpressure("t", limit)


def never() -> bool:
    return False


def test_a_partition_whose_records_wait_is_paused_and_the_others_are_polled(monkeypatch):
    full, consumer = pressure(monkeypatch, 10), Partitions(0, 1)
    full.add(0, 10)
    assert full.may_poll(consumer, never)
    assert consumer.paused == {0}
    full.add(1, 9)
    assert full.may_poll(consumer, never)
    assert consumer.paused == {0}


def test_a_paused_partition_resumes_before_its_records_run_out(monkeypatch):
    full, consumer = pressure(monkeypatch, 8), Partitions(0, 1)
    full.add(0, 8)
    full.may_poll(consumer, never)
    full.remove(0, 5)
    full.may_poll(consumer, never)
    assert consumer.paused == {0}
    full.remove(0, 1)
    full.may_poll(consumer, never)
    assert consumer.paused == set()


def test_a_partition_that_comes_back_is_not_paused_still(monkeypatch):
    full, consumer = pressure(monkeypatch, 8), Partitions(0, 1)
    full.add(0, 8)
    full.may_poll(consumer, never)
    full.revoked([0])
    full.remove(0, 8)
    full.assigned(consumer, [0])
    assert consumer.paused == set()


def test_a_partition_that_left_with_records_waiting_is_not_paused(monkeypatch):
    full, consumer = pressure(monkeypatch, 8), Partitions(1)
    full.add(0, 8)
    assert full.may_poll(consumer, never)
    assert consumer.paused == set()
