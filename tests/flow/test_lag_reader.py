"""A look at the cluster waits out an election, and reports a partition that stays without a leader."""

import pytest

from schemas.topics import topics
from streams.config.settings import Settings
from streams.kafka.embedded.broker import EmbeddedBroker
from streams.lag.reader import LagReader

#: A look asks for the beginning and for the end of the logs, at the only broker.
REQUESTS = 2


@pytest.mark.parametrize(("fails", "partitions_read"), [(REQUESTS, 3), (1000, 0)], ids=["election", "no leader"])
def test_a_partition_without_a_leader_is_tried_again_for_a_second(fails, partitions_read):
    with EmbeddedBroker({topic.name: 1 for topic in topics().all()}) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap_servers)
        with LagReader(settings) as reader:
            broker.errors("ListOffsets", "NOT_LEADER_FOR_PARTITION", fails)
            look = reader.look()
    assert len(look.readings) == partitions_read
    assert any("cannot be read" in trouble for trouble in look.troubles) == (not partitions_read)
