"""
How fast the sink empties a backlog into the sandbox, against one write per upload. Prints ratios, writes JSON.

Both run in this process, one after the other, against sandboxes in their own processes at the published limits (times
`--speed`). The naive sink posts each upload's tags to `/api/profile-import` and obeys Retry-After: it is stopped after
`--naive-s` seconds, and measured. The trickle sends 5 uploads a second and measures the time until each is accepted.
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(Path(__file__).resolve().parents[1])]

from klaviyo_sink.sink import SinkConfig, Written, open_sink  # noqa: E402 - found through the line above
from schemas.events import Engine, Identity, Labels, OutfitTagged, Tag  # noqa: E402 - same
from schemas.outcomes import Later  # noqa: E402 - same
from streams.config.settings import Settings  # noqa: E402 - same
from streams.wiring.klaviyo import make_interests  # noqa: E402 - same

KEY = "pk_bench"
BULK_CEILING = 2500
MINUTE_S = 59
TAGS = tuple(
    f"{category}/{value}"
    for category, values in (
        ("material", "cotton silk linen denim wool polyester viscose modal"),
        ("style", "v-neck oversize slim high-waist"),
        ("category", "t-shirt dress jeans jacket skirt trench-coat"),
    )
    for value in values.split()
)
#: Uploads offered to the sink at the same time; a sync stage holds as many with `in_flight` set so.
AT_ONCE = 4000


@contextmanager
def sandbox(speed: float) -> Iterator[str]:
    """Run a local Klaviyo."""
    command = [sys.executable, "-m", "streams", "klaviyo", "sandbox", "--port", "0", "--key", KEY]
    started = subprocess.Popen([*command, "--speed", str(speed)], stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None  # noqa: S101 - a pipe is set above
        yield started.stdout.readline().split()[-1]
    finally:
        started.terminate()
        started.wait()


def backlog(uploads: int, shoppers: int, seed: int) -> list[OutfitTagged]:
    """Make tagged uploads in random order."""
    chance = random.Random(seed)
    now = datetime.now(UTC)
    made = [
        outfit(f"u{i}", f"shopper-{i % shoppers}", now - timedelta(seconds=i % 3600), chance.sample(TAGS, 4))
        for i in range(uploads)
    ]
    chance.shuffle(made)
    return made


def outfit(upload_id: str, shopper_id: str, at: datetime, tags: Iterable[str]) -> OutfitTagged:
    """Make one of such tags."""
    return OutfitTagged(
        upload_id=upload_id,
        shopper_id=shopper_id,
        uploaded_at=at,
        tagged_at=at,
        identity=Identity(external_id=shopper_id),
        tags=tuple(
            Tag(
                id=one,
                category=one.partition("/")[0],
                value=one.partition("/")[2],
                labels=Labels(en="", zh=""),
                score=1,
                evidence=(),
            )
            for one in tags
        ),
        lexicon_version="bench",
        engine=Engine(name="bench", model="-", revision="-"),
    )


async def ours(url: str, uploads: list[OutfitTagged], folder: str) -> dict[str, float | int]:
    """Empty the backlog through the sink."""
    config = SinkConfig(url, SecretStr(KEY), state_url=f"sqlite:///{folder}/state.db")
    sink = await open_sink(replace(config, interests=make_interests(Settings())))
    waiting = iter(uploads)
    later = 0

    async def work() -> None:
        nonlocal later
        for upload in waiting:
            while not isinstance(answer := await sink.sync(upload), Written):
                assert isinstance(answer, Later), answer  # noqa: S101 - a benchmark that loses is none
                later += 1
                await asyncio.sleep(answer.retry_after or 0.2)

    cpu, started = time.process_time(), time.monotonic()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    seconds = time.monotonic() - started
    await sink.aclose()
    return {
        "seconds": round(seconds, 2),
        "per_s": round(len(uploads) / seconds),
        "own_cpu_s": round(time.process_time() - cpu, 2),
        "later": later,
    }


async def naive(url: str, uploads: list[OutfitTagged], limit_s: float) -> dict[str, float | int]:
    """Write each upload's tags to its profile, one request each, as fast as Klaviyo lets it."""
    headers = {"Authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-07-15"}
    headers["content-type"] = "application/vnd.api+json"
    done = throttled = 0
    # Klaviyo's minute: a run that starts in the middle of one would get two minutes' requests.
    await asyncio.sleep(60.2 - time.monotonic() % 60 if limit_s >= MINUTE_S else 0)
    started = time.monotonic()
    waiting = iter(uploads)

    async def work(http: httpx.AsyncClient) -> None:
        nonlocal done, throttled
        for upload in waiting:
            attributes = {"external_id": upload.shopper_id, "properties": {"tags": [tag.id for tag in upload.tags]}}
            body = {"data": {"type": "profile", "attributes": attributes}}
            while time.monotonic() - started < limit_s:
                answer = await http.post("/api/profile-import", json=body)
                if answer.is_success:
                    done += 1
                    break
                throttled += 1
                wait = float(answer.headers.get("Retry-After", 1))
                await asyncio.sleep(min(wait, max(0, started + limit_s - time.monotonic())))
            if time.monotonic() - started >= limit_s:
                return

    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as http:
        await asyncio.gather(*(work(http) for _ in range(16)))
    seconds = time.monotonic() - started
    return {"seconds": round(seconds, 2), "per_s": round(done / seconds, 1), "throttled": throttled}


async def trickle(url: str, seconds: float, folder: str) -> dict[str, float]:
    """Offer 5 uploads a second; milliseconds until each is accepted."""
    sink = await open_sink(SinkConfig(url, SecretStr(KEY), state_url=f"sqlite:///{folder}/trickle.db"))
    chance = random.Random(1)

    async def timed(number: int) -> float:
        await asyncio.sleep(number / 5)
        upload = outfit(f"t{number}", f"trickle-{number % 7}", datetime.now(UTC), chance.sample(TAGS, 4))
        started = time.monotonic()
        await sink.sync(upload)
        return (time.monotonic() - started) * 1000

    took = await asyncio.gather(*(timed(number) for number in range(int(seconds * 5))))
    await sink.aclose()
    return {"p50_ms": round(statistics.median(took), 1), "p95_ms": round(statistics.quantiles(took, n=20)[18], 1)}


async def counters(url: str) -> dict[str, int]:
    """Read the sandbox's count of answers."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as http:
        state = (await http.get("/sandbox/state")).json()
    found: dict[str, int] = state["counters"] | {"events": len(state["events"]), "profiles": len(state["profiles"])}
    return found


async def main() -> None:
    """Run all three and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=60_000)
    parser.add_argument("--shoppers", type=int, default=20_000)
    parser.add_argument("--naive-s", type=float, default=MINUTE_S, help="a whole minute of Klaviyo's, to be fair")
    parser.add_argument("--trickle-s", type=float, default=20)
    parser.add_argument("--speed", type=float, default=1, help="factor on the published limits")
    parser.add_argument("--out", type=Path)
    wanted = parser.parse_args()
    uploads = backlog(wanted.uploads, wanted.shoppers, seed=7)
    # A sync stage holds a few thousand uploads, not all: the collector must not walk the backlog again and again.
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        with sandbox(wanted.speed) as url:
            sink = await ours(url, uploads, folder)
            answered = await counters(url)
        with sandbox(wanted.speed) as url:
            one_by_one = await naive(url, uploads, wanted.naive_s)
        with sandbox(wanted.speed) as url:
            slow = await trickle(url, wanted.trickle_s, folder)
    report = {
        "uploads": wanted.uploads,
        "shoppers": wanted.shoppers,
        "speed": wanted.speed,
        "sink": sink,
        "share_of_bulk_ceiling": round(sink["per_s"] / (BULK_CEILING * wanted.speed), 2),
        "naive": one_by_one,
        "ratio": round(sink["per_s"] / max(one_by_one["per_s"], 0.1), 1),
        "trickle": slow,
        "answers": answered,
        "lost": wanted.uploads - answered["events"],
    }
    text = json.dumps(report, indent=2)
    print(text)
    if wanted.out:
        wanted.out.write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(main())
