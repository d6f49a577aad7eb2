"""The addresses of a photo's host: looked up once, checked, tried one after the other, verified by certificate."""

import asyncio
import ssl

import pytest
from web_host import LIMITS, black_hole, host, loopback, pointing, whole

from ocr_worker.server.web_photos import Network, WebLimits, WebPhotos, is_public
from schemas.outcomes import Later, Never


async def test_a_name_is_looked_up_once_and_the_request_goes_to_the_checked_address():
    """A name server with changing answers (DNS rebinding) gets only one request."""
    answers = iter((["127.0.0.2"], ["127.0.0.1"]))
    calls: list[str] = []

    async def resolve(name: str, _: int):
        calls.append(name)
        return next(answers)

    async with (
        host(whole(b"photo"), "127.0.0.2") as (port, seen),
        host(whole(b"planted"), port=port) as (_, inner_seen),
    ):
        network = Network(resolve, lambda address: address == "127.0.0.2")
        photos = WebPhotos([f"http://cdn.test:{port}/"], LIMITS, network)
        first = await photos.get(f"http://cdn.test:{port}/1.jpg")
        second = await photos.get(f"http://cdn.test:{port}/1.jpg")

    assert first == b"photo"
    assert f"\r\nHost: cdn.test:{port}\r\n" in seen[0]
    assert isinstance(second, Never)
    assert inner_seen == []
    assert calls == ["cdn.test"] * 2


INSIDE = (
    "127.0.0.1",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "::",
    "::1",
    "fd00::1",
    "fe80::1",
    "ff0e::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "64:ff9b:1::a00:1",
    "fec0::1",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "192.0.0.8",
)


@pytest.mark.parametrize("addresses", [(address,) for address in INSIDE] + [("1.1.1.1", "127.0.0.1")], ids=" ".join)
async def test_a_name_with_an_inside_address_gets_no_request_even_with_an_outside_one_too(addresses):
    async with host(whole(b"planted")) as (port, seen):
        photos = WebPhotos([f"http://cdn.test:{port}/"], LIMITS, Network(pointing(*addresses)))
        outcome = await photos.get(f"http://cdn.test:{port}/1.jpg")

    assert isinstance(outcome, Never)
    assert outcome.reason == "photo-not-ours"
    assert seen == []


def test_addresses_of_the_open_internet_are_public():
    assert all(map(is_public, ("1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101")))


async def test_the_next_address_is_tried_when_the_first_does_not_answer():
    async with host(whole(b"photo"), "127.0.0.2") as (port, _):
        network = Network(pointing("127.0.0.3", "127.0.0.2"), loopback)
        photos = WebPhotos([f"http://cdn.test:{port}/"], LIMITS, network)

        assert await photos.get(f"http://cdn.test:{port}/1.jpg") == b"photo"


async def test_the_next_address_is_tried_when_the_first_drops_every_packet():
    async with host(whole(b"photo"), "127.0.0.2") as (port, _):
        network = Network(pointing("127.0.0.3", "127.0.0.2"), loopback)
        limits = WebLimits(seconds=30, connect_seconds=1.5)
        photos = WebPhotos([f"http://cdn.test:{port}/"], limits, network)
        with black_hole("127.0.0.3", port):
            assert await photos.get(f"http://cdn.test:{port}/1.jpg") == b"photo"


async def test_a_host_whose_every_address_drops_packets_is_for_later_long_before_the_deadline(unused_port):
    network = Network(pointing("127.0.0.3"), loopback)
    limits = WebLimits(seconds=30, connect_seconds=1.5)
    photos = WebPhotos([f"http://cdn.test:{unused_port}/"], limits, network)
    with black_hole("127.0.0.3", unused_port):
        async with asyncio.timeout(15):
            outcome = await photos.get(f"http://cdn.test:{unused_port}/1.jpg")

    assert isinstance(outcome, Later)
    assert outcome.reason == "photo-host-unreachable"


async def test_a_name_that_does_not_exist_is_for_later():
    async def unknown(*_: object):
        raise OSError("no such name")

    outcome = await WebPhotos(["https://cdn.test/"], LIMITS, Network(unknown)).get("https://cdn.test/1.jpg")

    assert isinstance(outcome, Later)
    assert outcome.reason == "photo-host-unreachable"


async def test_over_https_the_certificate_must_contain_the_name(certificate):
    cert, key = certificate("DNS:cdn.test")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(cert, key)
    network = Network(pointing("127.0.0.1"), loopback, ssl.create_default_context(cafile=cert))
    async with host(whole(b"photo"), tls=served) as (port, _):
        roots = [f"https://cdn.test:{port}/", f"https://other.test:{port}/"]
        photos = WebPhotos(roots, LIMITS, network)
        right, wrong = [await photos.get(f"{root}1.jpg") for root in roots]
        strange = await WebPhotos(roots, LIMITS, Network(pointing("127.0.0.1"), loopback)).get(f"{roots[0]}1.jpg")

    assert right == b"photo"
    assert [isinstance(one, Later) and one.reason for one in (wrong, strange)] == ["photo-host-unreachable"] * 2
