"""Which http(s) addresses are below the allowed roots, for every parser; all others are never opened."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_host import LIMITS, host, loopback, pointing, whole

from ocr_worker.server.web_photos import Network, WebPhotos
from schemas.outcomes import Never

PHOTOS = WebPhotos(["http://cdn.test/photos/"], LIMITS)

ELSEWHERE = (
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "http://localhost:{port}/photos/1.jpg",
    "http://127.0.0.1:{port}/photos/1.jpg",
    "http://evil.test:{port}/photos/1.jpg",
    "http://cdn.test.evil.test:{port}/photos/1.jpg",
    "http://cdn.test/photos/1.jpg",
    "http://cdn.test:1/photos/1.jpg",
    "https://cdn.test:{port}/photos/1.jpg",
    "ftp://cdn.test:{port}/photos/1.jpg",
    "http://cdn.test:{port}/private/1.jpg",
    "http://cdn.test:{port}/photos",
    "http://cdn.test:{port}/photosx/1.jpg",
    "http://cdn.test:{port}/photos/../private/1.jpg",
    "http://cdn.test:{port}/photos/%2e%2e/private/1.jpg",
    "http://cdn.test:{port}/photos/..%2fprivate/1.jpg",
    "http://cdn.test:{port}/photos/..%5Cprivate/1.jpg",
    "http://cdn.test:{port}/photos/..\\private/1.jpg",
    "http://cdn.test:{port}/photos/..;/private/1.jpg",
    "http://cdn.test:{port}/photos/%2e%2e;x/private/1.jpg",
    "http://cdn.test:{port}/photos/%252e%252e%252fprivate/1.jpg",
    "http://cdn.test:{port}/photos/%c0%ae%c0%ae/private/1.jpg",
    "http://cdn.test:{port}@evil.test/photos/1.jpg",
    "http://cdn.test:{port}\\@evil.test/photos/1.jpg",
    "http://user@cdn.test:{port}/photos/1.jpg",
    "http://:@cdn.test:{port}/photos/1.jpg",
    "http://@cdn.test:{port}/photos/1.jpg",
    "http://evil.test#@cdn.test:{port}/photos/1.jpg",
    "http://evil.test/?@cdn.test:{port}/photos/1.jpg",
    "http://cdn.test:{port}/photos/1.jpg#fragment",
    "http://cdn.test.:{port}/photos/1.jpg",
    "http://%63dn.test:{port}/photos/1.jpg",
    "http://cdn。test:{port}/photos/1.jpg",
    "http://cdn.test:{port}/photos/ 1.jpg",
    "http://cdn.test:{port}/photos/1.jpg\r\nX: y",
    "http://cdn.test:{port}/photos/\x00",
    "http:cdn.test:{port}/photos/1.jpg",
    "http:///cdn.test:{port}/photos/1.jpg",
    "//cdn.test:{port}/photos/1.jpg",
    "http://[cdn.test]:{port}/photos/1.jpg",
    "http://cdn.test:{port}{port}/photos/1.jpg",
    "",
)


@pytest.mark.parametrize("uri", ELSEWHERE)
async def test_nothing_outside_the_roots_is_looked_up_or_requested(uri):
    calls: list[str] = []
    network = Network(pointing("127.0.0.1", calls=calls), loopback)
    async with host(whole(b"planted")) as (port, seen):
        photos = WebPhotos([f"http://cdn.test:{port}/photos/"], LIMITS, network)
        outcome = await photos.get(uri.format(port=port))

    assert isinstance(outcome, Never)
    assert outcome.reason == "photo-not-ours"
    assert (seen, calls) == ([], [])


PIECES = (
    "http://",
    "cdn.test",
    "evil.test",
    "/photos/",
    "@",
    ":",
    "\\",
    "#",
    "?",
    "/",
    "..",
    "%2e",
    "%2f",
    "[",
    "]",
    ".",
    "80",
)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=8).map("".join))
def test_another_parser_finds_every_allowed_address_below_the_root_too(rest: str):
    uri = f"http://cdn.test{rest}"

    if PHOTOS.covers(uri):
        parts = urlsplit(uri)
        assert (parts.hostname, parts.port or 80, parts.username) == ("cdn.test", 80, None)
        assert parts.path.startswith("/photos/")


@pytest.mark.parametrize(
    "root", ["cdn.test", "file:///etc/", "https://user@cdn.test/", "https:///", "https://cdn.test/?x=/", ""]
)
def test_a_root_that_is_no_plain_address_is_refused_at_once(root):
    with pytest.raises(ValueError, match="not a plain"):
        WebPhotos([root], LIMITS)
