"""How a search for one upload widens: by time, then to everything."""

import time

import pytest

from streams.cli.support.search import search
from streams.kafka.within import Within

AGO = time.time() - 3600


def looked(narrow: Within, *, whole_in: list[Within], ended_in: list[Within]) -> list[Within]:
    parts: list[Within] = []

    def look(part: Within) -> Within:
        parts.append(part)
        return part

    search(narrow, look, lambda part: part in whole_in, lambda part: part in ended_in)
    return parts


NARROW, ON, ALL = Within(AGO, AGO + 660, "s-1"), Within(AGO, None, "s-1"), Within()


@pytest.mark.parametrize(
    ("whole_in", "ended_in", "parts", "told"),
    [
        ([NARROW], [NARROW], [NARROW], "were not searched"),
        ([NARROW, ON], [], [NARROW, ON], ""),
        ([NARROW, ON], [ON], [NARROW, ON], ""),
        ([ON], [ON], [NARROW, ON], ""),
        ([], [], [NARROW, ON, ALL], "so all are searched"),
    ],
)
def test_it_looks_on_until_now_and_then_everywhere(capsys, whole_in, ended_in, parts, told):
    assert looked(NARROW, whole_in=whole_in, ended_in=ended_in) == parts
    said = capsys.readouterr().err
    assert told in said
    assert bool(told) == bool(said)


@pytest.mark.parametrize("narrow", [Within(), Within(AGO)])
def test_a_search_without_limits_reads_the_topics_once(narrow):
    assert looked(narrow, whole_in=[], ended_in=[]) == [narrow]


def test_a_shopper_s_partition_that_lacks_the_beginning_is_followed_by_all_since():
    assert looked(Within(AGO, None, "s-1"), whole_in=[], ended_in=[]) == [Within(AGO, None, "s-1"), Within(AGO)]
