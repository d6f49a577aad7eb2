"""The rules of interests are data: those that Hangtag brings are sound, and wrong ones are refused."""

import pytest
from pydantic import ValidationError

from rules.lexicon.interests import Interest
from rules.lexicon.load import Lexicon


def test_the_shipped_interests_are_sound(lexicon: Lexicon):
    ids = [interest.id for interest in lexicon.interests]

    assert {"interest/sustainable", "interest/vacation"} <= set(ids)
    assert len(ids) == len(set(ids)) >= 10


def test_it_counts_the_tags_of_all_groups():
    interest = Interest(id="interest/x", en="X", zh="某", tags=(("a/b",), ("c/d", "c/e")))

    assert interest.counted() == ("a/b", "c/d", "c/e")


def test_an_interest_without_tags_is_refused():
    with pytest.raises(ValidationError):
        Interest(id="interest/none", en="None", zh="无", tags=())
