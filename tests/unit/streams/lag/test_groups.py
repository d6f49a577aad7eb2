"""The members of consumer groups, and what is reported where the cluster does not name them."""

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.lag.groups import GroupMembers, members_of


class Refusing:
    """An admin client whose brokers answer with an error."""

    def __init__(self, error: int) -> None:
        self.error = error

    def describe_consumer_groups(self, groups: list[str], **_options: Any) -> dict[str, Future[Any]]:
        described: Future[Any] = Future()
        described.set_exception(KafkaException(KafkaError(self.error)))
        return dict.fromkeys(groups, described)


@pytest.mark.parametrize(
    "error",
    [KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError._TIMED_OUT, KafkaError.GROUP_AUTHORIZATION_FAILED],
    ids=["coordinator starts", "no answer", "no rights"],
)
def test_members_that_a_broker_does_not_name_are_reported(error: int):
    troubles: list[str] = []
    assert members_of(Refusing(error), ["tag"], 1.0, troubles) == {"tag": GroupMembers()}
    assert [one.startswith("the members of tag cannot be read") for one in troubles] == [True]


def test_the_embedded_broker_names_no_members_and_that_is_no_trouble():
    troubles: list[str] = []
    assert members_of(Refusing(KafkaError._UNSUPPORTED_FEATURE), ["tag"], 1.0, troubles) == {"tag": GroupMembers()}
    assert troubles == []


def test_a_group_that_never_existed_has_no_members():
    troubles: list[str] = []
    assert members_of(Refusing(KafkaError.GROUP_ID_NOT_FOUND), ["tag"], 1.0, troubles)["tag"].members == ()
    assert troubles == []
