"""A commit that no stage wrote is reported for a minute after it came, or was first seen."""

from streams.kafka.strangers import foreign_commits
from streams.lag.evaluate import GroupPartition
from streams.lag.foreign_commits import FRESH_S, ForeignCommits

PLACE = GroupPartition("hangtag.tag", "outfit.texts", 3)


def test_a_stages_own_commits_are_not_reported():
    known = ForeignCommits()
    assert not any(known.is_fresh(PLACE, 10 * at, ours=True, at=at) for at in range(10))
    assert not known.is_fresh(PLACE, None, ours=True, at=11)


def test_a_foreign_commit_is_reported_for_a_minute_and_again_when_it_moves():
    known = ForeignCommits()
    assert known.is_fresh(PLACE, 50, ours=False, at=1000)
    assert known.is_fresh(PLACE, 50, ours=False, at=1000 + FRESH_S - 1)
    assert not known.is_fresh(PLACE, 50, ours=False, at=1000 + FRESH_S)
    assert known.is_fresh(PLACE, 51, ours=False, at=1000 + FRESH_S + 5)


def test_a_stage_that_commits_again_ends_it():
    known = ForeignCommits()
    assert known.is_fresh(PLACE, 50, ours=False, at=1000)
    assert not known.is_fresh(PLACE, 60, ours=True, at=1005)


def test_each_partition_is_judged_by_itself_and_all_are_one_sentence():
    known = ForeignCommits()
    other = GroupPartition("hangtag.tag", "outfit.texts", 4)
    assert known.is_fresh(PLACE, 50, ours=False, at=1000)
    assert not known.is_fresh(other, 50, ours=True, at=1000)
    (sentence,) = foreign_commits("hangtag.tag", [4, 3])
    assert "on partition 3, 4 another program, an offset reset" in sentence
    assert foreign_commits("hangtag.tag", []) == ()
