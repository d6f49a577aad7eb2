"""No content of a record ends the process of a stage."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from stage_world import FEEDBACK, UPLOADED, ListBroker, answering, stage

from schemas.codec import encode
from schemas.outcomes import Later, Never
from streams.runtime.dead_letters import original_headers, read_letter
from streams.runtime.stage import Record
from streams.runtime.track import Delivery, Partition

#: Names as any client may write them: halves of characters, NUL, ours, and those of the trace.
header_names = st.one_of(
    st.text(st.characters(), max_size=8),
    st.text(st.characters(categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=4),
    st.sampled_from(["hangtag.attempts", "hangtag.reason", "hangtag.replayed", "traceparent", "tracestate", "ce_id"]),
)
header_values = st.one_of(
    st.none(), st.binary(max_size=12), st.integers(0, 6000).map(lambda digits: b"9" * digits), st.just(b"00-aa-bb-01")
)
bodies = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.just(encode(UPLOADED, source="test")[0]),
    st.integers(1, 6000).map(lambda digits: b'{"schema_version": ' + b"9" * digits + b"}"),
    st.integers(1, 5000).map(lambda depth: b"[" * depth),
)
endings = st.one_of(
    st.builds(Never, st.text(st.characters(), max_size=9), st.text(st.characters(), max_size=9)),
    st.just(Never("long", "x" * 100_000)),
    st.just(Never("half a character: \ud800", "")),
    st.just(Later("half a character: \ud800", "", tries=1)),
    st.just((UPLOADED,)),
    st.just((FEEDBACK.model_copy(update={"shopper_id": "\ud800"}),)),
    st.builds(Later, st.text(max_size=3), st.text(max_size=3), st.floats(), st.just(1)),
)


@settings(deadline=None)
@given(st.lists(st.tuples(header_names, header_values), max_size=6), bodies, endings, st.binary(max_size=9) | st.none())
def test_no_content_ends_the_process(headers, body, ending, key):
    broker = ListBroker()
    record = Record(key, body, headers, 0.0)
    one = Delivery(Partition("outfit.uploads", 7), key, 42, record, attempts=2)
    assert asyncio.run(stage(answering(ending), broker).process(one)) is None
    ((topic, sent_key, value, sent),) = broker.sent
    assert (topic, sent_key, value) == ("outfit.uploads.dlq", key, body)
    letter = read_letter(sent)
    assert letter is not None
    assert 2 <= letter.attempts < 10**9 + 2
    for name, _ in sent:
        # What librdkafka's binding can write. It crashes on half a character and ends a name at NUL.
        assert "\0" not in name.encode().decode()
    kept = [value for name, value in headers if not name.startswith("hangtag.")]
    assert [value for _, value in original_headers(sent)] == kept
    # A reason is a label of two metrics: whatever it contains, their page can still be served.
    assert generate_latest()
