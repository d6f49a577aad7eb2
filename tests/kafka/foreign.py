"""Records of any bytes that Kafka takes, as another program may send them."""

import random

from raw_produce import Header, RawRecord


def any_bytes(rng: random.Random, longest: int) -> bytes:
    return rng.randbytes(rng.randrange(longest))


def any_header(rng: random.Random) -> Header:
    names = [b"na\xefve", b"", b"hangtag.attempts", b"ce_id", b"traceparent", b"\xff" * 200, any_bytes(rng, 40)]
    return rng.choice(names), rng.choice([None, b"", b"9" * 5000, any_bytes(rng, 60)])


def any_record(rng: random.Random) -> RawRecord:
    headers = [any_header(rng) for _ in range(rng.choice([0, 1, 3, 200]))]
    return RawRecord(
        rng.choice([None, b"", b"s1", any_bytes(rng, 300)]),
        rng.choice([None, b"", b"{}", any_bytes(rng, 2000)]),
        headers,
    )
