"""Reading a broker's version: for any answer the result is a version, none, or no answer."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.operations.checks.broker_version import RELEASES, kafka_version


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Listen, answer one request with these bytes, and hang up; returns the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_one() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(4096)
                link.sendall(answer)

        thread = threading.Thread(target=answer_one)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def told(level: int) -> bytes:
    """Answer as a broker with two APIs, one with a tagged field, that supports metadata versions to a level."""
    apis = struct.pack(">hhh", 0, 0, 11) + b"\0" + struct.pack(">hhh", 18, 0, 4) + b"\x01\x07\x02ab"
    name = b"metadata.version"
    feature = bytes([len(name) + 1]) + name + struct.pack(">hh", 1, level) + b"\0"
    tags = b"\x02" + b"\x01\x08" + bytes(8) + b"\x00" + bytes([len(feature) + 1]) + b"\x02" + feature
    return framed(bytes(6) + b"\x03" + apis + bytes(4) + tags)


@pytest.mark.parametrize(
    ("level", "version"), [(7, "before 3.9"), *RELEASES.items(), (26, "4.1"), (max(RELEASES) + 1, "after 4.3")]
)
def test_the_highest_metadata_version_names_the_release(level, version):
    with answering(told(level)) as port:
        assert kafka_version("127.0.0.1", port) == version


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_another_kind_of_broker_has_no_known_version(body):
    with answering(framed(body)) as port:
        assert kafka_version("127.0.0.1", port) is None


def test_a_broker_that_hangs_up_is_no_answer():
    with answering(b"\0\0") as port, pytest.raises(OSError, match="closed the connection"):
        kafka_version("127.0.0.1", port)
