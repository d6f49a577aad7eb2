"""
Exports lag to Prometheus, with the names and labels that existing dashboards use.

`kafka_consumergroup_lag` and similar names are from github.com/danielqsj/kafka_exporter, the `_group_` names from
github.com/seglo/kafka-lag-exporter. Unknown values are NaN, and values that could not be read are omitted: never 0.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.lag.evaluate import STATES, PartitionLag
from streams.lag.reader import LagSnapshot

_PARTITION = ("consumergroup", "topic", "partition")
_SEGLO_GROUP = ("cluster_name", "group")
_SEGLO = (*_SEGLO_GROUP, "topic", "partition", "member_host", "consumer_id", "client_id")
_UNKNOWN = math.nan

#: Labels and help of each metric.
METRICS = {
    "kafka_consumergroup_lag": (_PARTITION, "Offsets ahead of the group's commit; before the first, the whole log."),
    "kafka_consumergroup_lag_sum": (_PARTITION[:2], "Offsets ahead, summed over the topic's partitions."),
    "kafka_consumergroup_current_offset": (_PARTITION, "The group's commit; NaN before the first."),
    "kafka_consumergroup_members": (_PARTITION[:1], "Members of the group; NaN if the broker does not report them."),
    "kafka_topic_partition_current_offset": (("topic", "partition"), "End of the partition's log."),
    "kafka_topic_partition_oldest_offset": (("topic", "partition"), "Beginning of the partition's log."),
    "kafka_consumergroup_group_lag": (_SEGLO, "Same value as kafka_consumergroup_lag."),
    "kafka_consumergroup_group_lag_seconds": (_SEGLO, "Age of the oldest uncommitted record."),
    "kafka_consumergroup_group_max_lag": (_SEGLO_GROUP, "The group's greatest lag in offsets."),
    "kafka_consumergroup_group_max_lag_seconds": (_SEGLO_GROUP, "The group's greatest lag in seconds."),
    "hangtag_consumer_partition_state": ((*_PARTITION, "state"), f"1 for the partition's state: {', '.join(STATES)}."),
    "hangtag_consumer_partition_expired": (_PARTITION, "Offsets deleted before the group read them."),
    "hangtag_consumer_strangers": (
        _PARTITION[:1],
        "Kinds of foreign programs in the group; NaN if unknown.",
    ),
    "hangtag_lag_up": ((), "1 if the cluster responded to the last look; with 0 all others are omitted."),
    "hangtag_lag_troubles": ((), "Things that the last look could not read; their samples are omitted."),
}

Sample = tuple[str, Sequence[str], float]


@dataclass(eq=False)
class LagCollector(Collector):
    """Exports the newest look at each scrape."""

    cluster_name: str
    #: The last look and its verdicts, in one value because two threads use it. None before the first look, and after a
    #: failed one.
    seen: tuple[LagSnapshot, Sequence[PartitionLag]] | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every metric with its samples."""
        seen = self.seen
        samples = [] if seen is None else [*self._samples(*seen)]
        samples.append(("hangtag_lag_up", (), float(seen is not None)))
        for name, (labels, meaning) in METRICS.items():
            family = GaugeMetricFamily(name, meaning, labels=labels)
            for of, values, value in samples:
                if of == name:
                    family.add_metric(values, value)
            yield family

    def _samples(self, look: LagSnapshot, verdicts: Sequence[PartitionLag]) -> Iterator[Sample]:
        yield "hangtag_lag_troubles", (), len(look.troubles)
        for verdict in verdicts:
            yield from _of_partition(verdict, self.cluster_name)
        for group, members in look.members.items():
            yield "kafka_consumergroup_members", (group,), _number(members)
            foreign = look.strangers.get(group)
            yield "hangtag_consumer_strangers", (group,), _number(None if foreign is None else len(foreign))
            if group not in look.partial:
                theirs = [verdict for verdict in verdicts if verdict.place.group == group]
                yield from _of_group(group, theirs, self.cluster_name)


def _of_group(group: str, verdicts: Sequence[PartitionLag], cluster_name: str) -> Iterable[Sample]:
    ages = [verdict.seconds for verdict in verdicts if verdict.seconds is not None]
    yield "kafka_consumergroup_group_max_lag", (cluster_name, group), max(verdict.lag for verdict in verdicts)
    yield "kafka_consumergroup_group_max_lag_seconds", (cluster_name, group), _number(max(ages, default=None))
    for topic in {verdict.place.topic for verdict in verdicts}:
        ahead = sum(verdict.lag for verdict in verdicts if verdict.place.topic == topic)
        yield "kafka_consumergroup_lag_sum", (group, topic), ahead


def _of_partition(verdict: PartitionLag, cluster_name: str) -> Iterable[Sample]:
    place = (verdict.place.group, verdict.place.topic, str(verdict.place.partition))
    owner = verdict.owner
    who = ("", "", "") if owner is None else (owner.host, owner.member, owner.client)
    yield "kafka_consumergroup_lag", place, verdict.lag
    yield "kafka_consumergroup_current_offset", place, _number(verdict.committed)
    yield "kafka_topic_partition_current_offset", place[1:], verdict.high
    yield "kafka_topic_partition_oldest_offset", place[1:], verdict.low
    yield "kafka_consumergroup_group_lag", (cluster_name, *place, *who), verdict.lag
    yield "kafka_consumergroup_group_lag_seconds", (cluster_name, *place, *who), _number(verdict.seconds)
    yield "hangtag_consumer_partition_expired", place, verdict.expired
    for state in STATES:
        yield "hangtag_consumer_partition_state", (*place, state), float(state == verdict.state)


def _number(value: float | None) -> float:
    return _UNKNOWN if value is None else float(value)
