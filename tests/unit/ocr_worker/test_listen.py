"""The port that worker and page listen on: open at once, printed as a URL, and one sentence when it is unavailable."""

import socket

import pytest

from streams.cli.support.boundary import CommandError
from streams.cli.support.listen import listen


def test_a_client_that_connects_before_the_server_is_ready_waits():
    listener, url = listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()) as caller:
        assert caller.getpeername() == listener.getsockname()
        assert url == f"http://127.0.0.1:{listener.getsockname()[1]}"


# A machine may have been set up without IPv6, a container for one.
@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_an_ipv6_address_is_in_brackets():
    listener, url = listen("::1", 0, "https")
    with listener:
        assert url == f"https://[::1]:{listener.getsockname()[1]}"


def test_a_port_in_use_is_reported_as_in_use():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(CommandError, match=r"Cannot listen on 127\.0\.0\.1") as ended,
    ):
        listen("127.0.0.1", taken.getsockname()[1])
    assert ended.value.code == 1
