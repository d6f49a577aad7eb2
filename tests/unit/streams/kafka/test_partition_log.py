"""Where the records of a leader epoch end in a log."""

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.partition_log import Stamp, end_of_epoch


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40),
    st.integers(-1, 60),
    st.integers(0, 50),
    st.integers(0, 3),
)
def test_the_first_record_of_a_later_epoch_is_found_in_any_log(steps, epoch, first, tail):
    """Offsets may be missing between records and at the end, as transaction markers leave them."""
    stamps, offset, at_epoch = [], first, 0
    for gap, rise in steps:
        at_epoch += rise
        stamps.append(Stamp(offset + gap, at_epoch))
        offset += gap + 1
    end = offset + tail
    found = end_of_epoch(epoch, first, end, lambda at: next((stamp for stamp in stamps if stamp.offset >= at), None))
    assert first <= found <= end
    assert all((stamp.epoch <= epoch) == (stamp.offset < found) for stamp in stamps)


def test_a_long_log_takes_few_questions():
    asked = []

    def stamp_at(offset):
        asked.append(offset)
        return Stamp(offset, 0 if offset < 654_321 else 1)

    assert end_of_epoch(0, 0, 10_000_000, stamp_at) == 654_321
    assert len(asked) < 30
