"""Every form of refusal means one thing: later, never, or misconfigured."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaviyo_sink.api.errors import LEAST_WAIT_S, api_errors, failure_of, failure_without_answer
from schemas.outcomes import Later, Misconfigured, Never

HTML = b"<html><body>Just a moment, ada@shop.cn</body></html>"


def body(code="invalid", title="Invalid input.", detail="", **source: str):
    return json.dumps({"errors": [{"code": code, "title": title, "detail": detail, "source": source}]}).encode()


def asked(failure, seconds):
    return isinstance(failure, Later) and failure.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "content", "kind", "reason"),
    [
        (400, body(pointer="/data/attributes/time"), Never, "refused"),
        (400, body(detail="The revision header is missing"), Misconfigured, "revision"),
        (400, HTML, Later, "blocked"),
        (401, body("not_authenticated"), Misconfigured, "unauthorized"),
        (401, b"", Misconfigured, "unauthorized"),
        (402, b"", Misconfigured, "not-served"),
        (403, body("permission_denied"), Misconfigured, "forbidden"),
        (403, HTML, Later, "blocked"),
        (404, body("not_found"), Misconfigured, "not-found"),
        (404, HTML, Misconfigured, "not-found"),
        (405, b"", Misconfigured, "not-served"),
        (408, b"", Later, "unavailable"),
        (409, body("duplicate_profile"), Never, "conflict"),
        (410, b"", Misconfigured, "not-served"),
        (413, HTML, Never, "too-large"),
        (415, body("unsupported_media_type"), Misconfigured, "not-served"),
        (422, body(), Never, "refused"),
        (425, b"", Later, "unavailable"),
        (429, body("throttled"), Later, "throttled"),
        (301, HTML, Misconfigured, "redirected"),
        *((status, HTML, Later, "unavailable") for status in (500, 502, 503, 504, 520, 522, 524, 599)),
        (500, b'{"errors": [', Later, "unavailable"),
        (100, b"", Later, "unavailable"),
    ],
)
def test_each_status_and_form_of_body_has_one_meaning(status, content, kind, reason):
    failure = failure_of(status, {}, content)
    assert isinstance(failure, kind)
    assert failure.reason == reason


def test_an_unknown_profile_id_concerns_one_event_but_a_bad_revision_concerns_all():
    assert failure_of(404, {}, body("not_found"), by_profile_id=True).reason == "profile-not-found"
    assert isinstance(failure_of(404, {}, body(title="Invalid API revision."), by_profile_id=True), Misconfigured)


def test_a_429_is_never_retried_at_once():
    assert asked(failure_of(429, {"retry-after": "7"}, b""), 7)
    assert asked(failure_of(429, {"retry-after": "0"}, b""), LEAST_WAIT_S)
    assert asked(failure_of(429, {}, body("throttled", detail="Expected available in 42 seconds.")), 42)
    assert asked(failure_of(429, {}, b""), 1)


@pytest.mark.parametrize("text", ["-5", "nan", "inf", "1e9", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "٣", "9" * 400])
def test_a_retry_after_that_is_no_count_of_seconds_is_left_to_the_policy(text):
    assert asked(failure_of(503, {"retry-after": text}, b""), None)
    assert asked(failure_of(429, {"retry-after": text}, b""), 1)


def test_a_503_with_retry_after_is_obeyed():
    assert asked(failure_of(503, httpx.Headers({"Retry-After": "3"}), b""), 3)


def test_the_message_has_code_title_and_pointer_and_no_detail():
    failure = failure_of(400, {}, body("invalid", "Bad value.", "ada@shop.cn is bad", pointer="/data/attributes/x"))
    assert failure.message == "Klaviyo answered 400: invalid: Bad value. at /data/attributes/x"


def test_many_errors_are_counted_not_listed():
    content = json.dumps({"errors": [{"code": "invalid", "title": "t"}] * 900}).encode()
    assert failure_of(400, {}, content).message.endswith("(and 895 more)")
    assert len(api_errors(content)) == 900


@given(st.sampled_from([400, 401, 403, 404, 409, 413, 429, 500]), st.text(max_size=30), st.text(max_size=30))
def test_no_error_contains_an_address_from_any_field(status, before, after):
    text = f"{before} ada@shop.cn {after}"
    message = failure_of(status, {}, body(text, text, text, pointer=text)).message
    assert "ada" not in message.replace(before, "").replace(after, "")
    assert "@" not in message


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_body_breaks_the_error_reader(content):
    assert isinstance(failure_of(400, {}, content), Later | Never)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectTimeout("t"), Later),
        (TimeoutError(), Later),
        (httpx.ConnectError("refused"), Later),
        (httpx.ReadError("reset"), Later),
        (httpx.RemoteProtocolError("cut"), Later),
        (httpx.DecodingError("gzip"), Later),
        (httpx.UnsupportedProtocol("no http"), Misconfigured),
        (httpx.InvalidURL("x"), Misconfigured),
        (httpx.LocalProtocolError("Illegal header value b'Klaviyo-API-Key pk_secret'"), Misconfigured),
    ],
)
def test_no_answer_is_an_outage_unless_the_request_could_not_even_be_made(error, kind):
    failure = failure_without_answer(error)
    assert isinstance(failure, kind)
    assert "pk_secret" not in failure.message
