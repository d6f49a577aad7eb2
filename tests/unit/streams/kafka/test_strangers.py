"""Who in a stage's consumer group is no process of the stage."""

import pytest

from streams.kafka.strangers import Member, strangers

GROUP, TOPIC = "hangtag.recognize", "outfit.uploads"
OURS = Member("hangtag-recognize@pod-1", "10.0.0.1", frozenset({TOPIC}))


def told(*members: Member) -> tuple[str, ...]:
    return strangers(GROUP, TOPIC, members)


def test_the_stage_s_own_processes_are_no_strangers_even_without_a_partition():
    assert told(OURS, Member("hangtag-recognize@pod-2", "10.0.0.2", frozenset())) == ()
    assert told() == ()


@pytest.mark.parametrize("client", ["rdkafka", "consumer-hangtag.recognize-1", "sarama", "aiokafka-0.12.0", "", "a b"])
def test_any_other_client_is_named_with_its_host_and_what_to_do(client):
    (sentence,) = told(OURS, Member(client, "10.0.0.9", frozenset()))
    assert f"{client or 'a client without an id'} at 10.0.0.9" in sentence
    assert GROUP in sentence
    assert "set another group.id" in sentence


def test_a_second_installation_in_the_same_group_is_recognized_by_its_topics():
    (sentence,) = told(OURS, Member("hangtag-recognize@pod-7", "10.0.0.7", frozenset({"staging.uploads"})))
    assert "hangtag-recognize@pod-7 at 10.0.0.7 reads staging.uploads" in sentence
    assert "HANGTAG_GROUP_PREFIX" in sentence


def test_many_strangers_are_one_line():
    (sentence,) = told(*(Member("rdkafka", f"10.0.0.{number}", frozenset({TOPIC})) for number in range(9)))
    assert "and 6 more" in sentence
