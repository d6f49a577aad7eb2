"""What the lag exporter serves: figures that add up, and agree with the verdicts that `hangtag lag` prints."""

import math

import pytest

from streams.lag.evaluate import GroupPartition, LagMemory, PartitionOffsets
from streams.lag.exporter import LagCollector
from streams.lag.reader import LagSnapshot

GROUP, TOPIC = "hangtag.recognize", "outfit.uploads"


def served(readings: dict[GroupPartition, PartitionOffsets], members: int | None = 1) -> dict[tuple[str, ...], float]:
    """Judge readings and collect; give each sample by its metric's name and its labels' values."""
    collector = LagCollector("hangtag")
    look = LagSnapshot(readings, {GROUP: members}, ())
    collector.seen = look, LagMemory(20).judge(readings)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def partition(number: int, committed: int | None, low: int, high: int) -> dict[GroupPartition, PartitionOffsets]:
    return {GroupPartition(GROUP, TOPIC, number): PartitionOffsets(1000, committed, low, high)}


def test_the_sum_counts_partitions_that_were_never_committed_and_no_expired_record():
    found = served(partition(0, 80, 0, 100) | partition(1, None, 0, 170) | partition(2, 5, 30, 40))
    assert found["kafka_consumergroup_lag_sum", GROUP, TOPIC] == 20 + 170 + 10
    assert found["kafka_consumergroup_group_max_lag", "hangtag", GROUP] == 170
    assert found["kafka_consumergroup_lag", GROUP, TOPIC, "1"] == 170
    assert found["hangtag_consumer_partition_expired", GROUP, TOPIC, "2"] == 25


def test_a_group_that_was_read_in_part_has_no_sum_and_no_maximum():
    readings = partition(0, 80, 0, 100)
    collector = LagCollector("hangtag")
    look = LagSnapshot(readings, {GROUP: 1}, ("outfit.uploads[1] cannot be read (timed out)",), frozenset({GROUP}))
    collector.seen = look, LagMemory(20).judge(readings)
    names = {sample.name for family in collector.collect() for sample in family.samples}
    assert {"kafka_consumergroup_lag", "kafka_consumergroup_members", "hangtag_lag_troubles"} <= names
    assert not {name for name in names if "max_lag" in name or name.endswith("_sum")}


def test_strangers_are_counted_and_unknown_where_the_broker_names_no_members():
    readings = partition(0, 80, 0, 100)
    collector = LagCollector("hangtag")
    told = []
    for foreign in ({GROUP: ("rdkafka at 10.0.0.9 is in the group",)}, {GROUP: ()}, {}):
        collector.seen = LagSnapshot(readings, {GROUP: 1}, (), strangers=foreign), LagMemory(20).judge(readings)
        (family,) = (one for one in collector.collect() if one.name == "hangtag_consumer_strangers")
        told.append([sample.value for sample in family.samples])
    assert told[:2] == [[1], [0]]
    assert math.isnan(told[2][0])


@pytest.mark.parametrize("state", ["no-commit", "idle"])
def test_every_partition_is_in_one_state(state):
    readings = partition(0, None, 0, 170 if state == "no-commit" else 0)
    states = {
        labels[-1]: value for (name, *labels), value in served(readings).items() if name.endswith("partition_state")
    }
    assert [one for one, value in states.items() if value] == [state]
