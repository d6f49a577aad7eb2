"""
The sync stage through everything that Klaviyo and the way to it may do: is each upload's effect there exactly once?

Real processes: the embedded broker, the sandbox with faults on order, `hangtag worker sync`. Uploads come all the time,
one in twenty of them twice, a few with an address that Klaviyo refuses. Then the sandbox is compared with the plain
fold of what was published. Prints what it saw, writes bench/results/klaviyo_outage.json; ends 1 when something is
lost, doubled or wrong. About five minutes; `--scale 0.2` shortens the phases.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

# In place of this folder, where `streams` would be bench/streams.py.
HERE = Path(__file__).parent
sys.path[:1] = [str(HERE.parent)]

from schemas.codec import encode  # noqa: E402 - found through the line above
from schemas.events import Identity, OutfitTagged  # noqa: E402 - same
from schemas.topics import dlq_name  # noqa: E402 - same
from streams.config.settings import Settings, child_environment  # noqa: E402 - same
from streams.kafka.reader import follow  # noqa: E402 - same
from streams.wiring.kafka import make_emitter, make_topics  # noqa: E402 - same

sys.path.append(str(HERE))
from klaviyo import outfit  # noqa: E402 - bench/klaviyo.py

KEY = "pk_outage"
PER_SECOND = 20
SHOPPERS = 400
TWICE = 0.05
REFUSED = 5
TAGS = ("material/cotton", "material/silk", "material/linen", "style/v-neck", "category/t-shirt", "category/dress")
#: A fifth of the requests fail, some after the work was done, and a twentieth break off.
WEATHER = (
    {"status": 503, "share": 0.15},
    {"status": 502, "share": 0.05, "after": True},
    {"status": 500, "share": 0.03, "cut": True},
    {"status": 500, "share": 0.02, "cut": True, "after": True},
)
PHASES: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("calm", 15, {}),
    ("20 % 5xx, 5 % resets", 30, {"faults": WEATHER}),
    ("429 storm", 20, {"faults": [{"status": 429, "share": 0.6, "retry_after": "1"}, *WEATHER[:2]]}),
    ("outage", 120, {"faults": [{"status": 503, "share": 0.5}, {"status": 500, "share": 0.5, "cut": True}]}),
    ("latency spikes", 30, {"faults": WEATHER, "latency_s": [0.1, 4]}),
    ("key revoked", 20, {"faults": [{"status": 401}]}),
    ("calm again", 15, {}),
)


def upload(number: int, chance: random.Random) -> OutfitTagged:
    """Make an upload; every tag from a shopper's earlier ones may come again."""
    now, shopper = datetime.now(UTC), f"s{chance.randrange(SHOPPERS)}"
    return outfit(f"u{number}", shopper, now, sorted(chance.sample(TAGS, chance.randint(1, 3))))


@contextmanager
def child(log: Path, *command: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """Run a `hangtag` command; its log goes to a file."""
    environment = child_environment(**settings)
    with log.open("wb") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", "streams", *command], stdout=subprocess.PIPE, stderr=file, env=environment, text=True
        )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(60)


def address(started: subprocess.Popen[str]) -> str:
    """Take the address from the line that says it is ready."""
    assert started.stdout is not None  # noqa: S101 - a pipe is set above
    return started.stdout.readline().split()[-1]


async def publish(settings: Settings, until: asyncio.Event, published: dict[str, OutfitTagged]) -> int:
    """Publish uploads at a steady rate; answers how many came twice."""
    chance, twice = random.Random(7), 0
    emitter, topic = make_emitter(settings), make_topics(settings).tags.name
    while not until.is_set():
        event = upload(len(published), chance)
        poisoned = len(published) in range(100, 100 + REFUSED)
        if poisoned:
            # Ours lets it pass, Klaviyo does not.
            name = f"no-domain-{len(published)}"
            event = event.model_copy(update={"shopper_id": name, "identity": Identity(email=f"{name}@shop")})
        published[event.upload_id] = event
        again = not poisoned and chance.random() < TWICE
        twice += again
        value, headers = encode(event, source="bench")
        for _ in range(1 + again):
            await emitter.send(topic, key=event.shopper_id.encode(), value=value, headers=headers)
        await asyncio.sleep(1 / PER_SECOND)
    await emitter.aclose()
    return twice


async def state_of(http: httpx.AsyncClient) -> dict[str, Any]:
    """Ask the sandbox for everything."""
    found: dict[str, Any] = (await http.get("/sandbox/state")).raise_for_status().json()
    return found


def wrong_profiles(state: dict[str, Any], published: dict[str, OutfitTagged]) -> int:
    """Count profiles that do not say what the plain fold of the uploads says."""
    wanted: dict[str, set[str]] = {}
    for event in published.values():
        if event.identity.email is None:
            wanted.setdefault(event.shopper_id, set()).update(tag.id for tag in event.tags)
    said = {one["external_id"]: one["properties"] for one in state["profiles"]}
    lists = (("materials", "material"), ("styles", "style"), ("categories", "category"))
    told = {
        shopper: {f"{category}/{value}" for name, category in lists for value in said[shopper][f"outfit_{name}"]}
        for shopper in wanted
        if shopper in said
    }
    return sum(told.get(shopper) != tags for shopper, tags in wanted.items())


async def storm(scale: float, settings: Settings, url: str) -> dict[str, Any]:
    """Let the weather pass over the stage while uploads come, then wait until all is done."""
    published: dict[str, OutfitTagged] = {}
    stop, seen = asyncio.Event(), []
    publishing = asyncio.create_task(publish(settings, stop, published))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        for name, seconds, plan in PHASES:
            (await http.post("/sandbox/faults", json=plan)).raise_for_status()
            before, began = len((await state_of(http))["events"]), time.monotonic()
            first = None
            while time.monotonic() - began < seconds * scale:
                await asyncio.sleep(1)
                if first is None and len((await state_of(http))["events"]) > before:
                    first = time.monotonic() - began
            events = len((await state_of(http))["events"])
            seen.append({"phase": name, "seconds": seconds * scale, "effects": events - before, "first_after_s": first})
            print(f"{name:22} {seconds * scale:4.0f} s   {events - before:5} uploads took effect", flush=True)
        stop.set()
        twice, began = await publishing, time.monotonic()
        good = len(published) - REFUSED
        for _ in range(360):
            if len((await state_of(http))["events"]) >= good:
                break
            await asyncio.sleep(0.5)
        caught_up = time.monotonic() - began
        # A second copy still has time to arrive.
        await asyncio.sleep(10)
        state = await state_of(http)
    effects = Counter(one["properties"]["upload_id"] for one in state["events"])
    wanted = {name for name, event in published.items() if event.identity.email is None}
    answers: Counter[str] = Counter()
    for name, count in state["counters"].items():
        answers[name.rsplit(" ", 1)[-1]] += count
    return {
        "published": len(published),
        "published_twice": twice,
        "refused_by_klaviyo": REFUSED,
        "lost": len(wanted - set(effects)),
        "twice_in_effect": sum(count > 1 for count in effects.values()),
        "not_ours": len(set(effects) - wanted),
        "wrong_profiles": wrong_profiles(state, published),
        "dead_letters": len(list(follow(settings, [dlq_name(make_topics(settings).tags.name)]))),
        "caught_up_s": round(caught_up, 1),
        "answers": dict(answers),
        "phases": seen,
    }


def main() -> None:
    """Run it and tell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1)
    options.add_argument("--out", type=Path, default=HERE / "results" / "klaviyo_outage.json")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with (
            child(base / "broker.log", "broker", "--port", "0") as broker,
            child(base / "sandbox.log", "klaviyo", "sandbox", "--port", "0", "--key", KEY) as sandbox,
        ):
            url, settings = address(sandbox), Settings(bootstrap_servers=address(broker))
            told = {
                "bootstrap_servers": settings.bootstrap_servers,
                "klaviyo_url": url,
                "klaviyo_key": KEY,
                "klaviyo_timeout_s": 3,
                "state_url": f"sqlite:///{base}/state.db",
                "session_timeout_s": 6,
                "log_format": "json",
            }
            with child(base / "sync.log", "worker", "sync", **told) as stage:
                found = asyncio.run(storm(given.scale, settings, url))
                found["stage_ended_by_itself"] = stage.poll() is not None
        lines = [json.loads(line) for line in (base / "sync.log").read_text().splitlines()]
    loud = [line for line in lines if line.get("level") == "error"]
    found["loud_lines"] = dict(Counter(line["event"] for line in loud))
    found["log_lines"] = len(lines)
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({name: value for name, value in found.items() if name != "phases"}, indent=1))
    wrong = ("lost", "twice_in_effect", "not_ours", "wrong_profiles", "stage_ended_by_itself")
    sys.exit(any(found[name] for name in wrong) or found["dead_letters"] != REFUSED)


if __name__ == "__main__":
    main()
