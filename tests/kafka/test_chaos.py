"""The short chaos run: kills, freezes, cut logs and foreign records lose nothing and reorder no shopper."""

import pytest
from cluster import KafkaCluster
from harness import Plan, run

#: Actions that end no worker and no broker without warning.
ORDERLY = {"term", "roll", "join", "leave", "foreign"}


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("kafka_libraries")
@pytest.mark.parametrize(
    "plan",
    [
        Plan(uploads=800, per_s=40, actions=4, broker_restarts=0, truncations=1, broker_freezes=1, foreign=1, seed=7),
        Plan(uploads=800, per_s=40, actions=4, broker_restarts=1, brokers=3, seed=8, transactions=True),
    ],
    ids=["one broker", "three brokers"],
)
async def test_chaos_loses_nothing_and_reorders_no_shopper(plan, tmp_path):
    with KafkaCluster(plan.brokers) as cluster:
        verdict = await run(plan, cluster, tmp_path)
    assert verdict.is_good, verdict
    # Nothing but a sudden end makes a worker's successor work on an upload again.
    assert verdict.most_texts <= 1 + sum(times for action, times in verdict.actions.items() if action not in ORDERLY)


@pytest.mark.usefixtures("kafka_libraries")
async def test_rolling_restarts_do_not_even_repeat(tmp_path):
    plan = Plan(uploads=1000, per_s=50, actions=3, every_s=4, rolling_only=True, broker_restarts=0, seed=9)
    with KafkaCluster() as cluster:
        verdict = await run(plan, cluster, tmp_path)
    assert verdict.is_good, verdict
    assert verdict.duplicates == 0
