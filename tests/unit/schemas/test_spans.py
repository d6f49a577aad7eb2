"""What of a message's headers goes on to HTTP as its trace context."""

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.spans import NO_SPAN, NO_SPANS, trace_headers, trace_id

GOOD = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_only_the_trace_context_is_read_from_the_headers():
    trace = [("ce_id", b"u1"), ("traceparent", GOOD), ("tracestate", b"shop=1"), ("other", None)]
    assert trace_headers(trace) == {"traceparent": GOOD.decode(), "tracestate": "shop=1"}
    assert trace_id(trace) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_headers([("tracestate", b"shop=1")]) == {}
    assert trace_id([]) is None


@given(st.binary(max_size=80))
@example(GOOD + b"\r\nauthorization: x")
@example(b"ff" + GOOD[2:])
@example(b"00-" + b"0" * 32 + GOOD[35:])
@example(GOOD.upper())
@example(b"01" + GOOD[2:] + b"-of a later version")
def test_an_invalid_trace_context_never_becomes_a_header(value: bytes):
    for name in ("traceparent", "tracestate"):
        found = trace_headers([("traceparent", GOOD), (name, value)])
        assert all(text.isascii() and text.isprintable() for text in found.values())
    assert trace_headers([("traceparent", value)]) == {}


@given(st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=9)), max_size=5))
def test_without_a_tracer_the_headers_are_passed_on_unchanged(headers):
    with NO_SPANS.begin("tag", "consumer", headers) as span:
        span.note(upload_id="u1")
        assert span.carried is headers
    assert NO_SPANS.begin("POST /jobs", "client", headers, headers) is NO_SPAN
