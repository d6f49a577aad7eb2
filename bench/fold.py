"""
What the state database costs per event as a shopper's remembered uploads grow: fold, wording with interests, settle.

Each event is one more upload of a shopper who already has so many; on SQLite, in batches of one shopper and of a
hundred. CPU of this process per event: the median round, and the least, which other programs disturb less. Prints a
table, writes bench/results/fold.json.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(HERE.parent)]

from klaviyo_sink.profile.wording import Wording  # noqa: E402 - found through the line above
from klaviyo_sink.state.folding import Folded  # noqa: E402 - same
from klaviyo_sink.state.settling import Write  # noqa: E402 - same
from klaviyo_sink.state.store import StateDatabase, open_state  # noqa: E402 - same
from rules.lexicon.load import load_lexicon  # noqa: E402 - same
from schemas.events import Engine, Identity, Labels, OutfitTagged, Tag  # noqa: E402 - same
from streams.config.settings import Settings  # noqa: E402 - same
from streams.wiring.klaviyo import make_interests  # noqa: E402 - same

START = datetime(2026, 1, 1, tzinfo=UTC)
TAGS = sorted(load_lexicon().entries)
#: Tags that a shopper ever has, tags of an upload, and hours between two uploads: 200 of them are a year and a half.
TASTE, TAGS_EACH, HOURS = 60, 7, 65


def upload(shopper: int, number: int) -> OutfitTagged:
    """Return a shopper's upload of this number, always the same."""
    taste = random.Random(shopper).sample(TAGS, TASTE)
    chance = random.Random(shopper * 1_000_003 + number)
    at = START + timedelta(hours=HOURS * number, seconds=shopper)
    return OutfitTagged(
        upload_id=f"019a-{shopper:08}-{number:08}-upload",
        shopper_id=f"shopper-{shopper}",
        uploaded_at=at,
        tagged_at=at + timedelta(seconds=3),
        identity=Identity(external_id=f"shopper-{shopper}"),
        tags=tuple(
            Tag(id=one, category=category, value=value, labels=Labels(en="", zh=""), score=1, evidence=())
            for one in chance.sample(taste, TAGS_EACH)
            for category, _, value in [one.partition("/")]
        ),
        lexicon_version="2026-11-22",
        engine=Engine(name="bench", model="-", revision="-"),
    )


def sync(state: StateDatabase, events: Sequence[OutfitTagged]) -> None:
    """Fold a batch and settle its writes, as `Batches.write` does when Klaviyo accepts everything."""
    ended = {}
    for event, one in zip(events, state.fold(events), strict=True):
        if not isinstance(one, Folded):
            raise TypeError(one)
        ended[event.shopper_id] = Write(event.shopper_id, one.ticket, one.version, {one.unique_id: event.upload_id})
    state.settle(list(ended.values()), at=events[-1].tagged_at)


def measure(remembered: int, shoppers: int, rounds: int) -> dict[str, float]:
    """Return the milliseconds per event of one more upload of each shopper, after so many."""
    wording = Wording(interests=make_interests(Settings()))
    with tempfile.TemporaryDirectory() as folder:
        state = open_state(f"sqlite:///{folder}/state.db", wording)
        for shopper in range(shoppers):
            state.fold([upload(shopper, number) for number in range(remembered)])
        cpu, wall = [], []
        for number in range(remembered, remembered + rounds):
            events = [upload(shopper, number) for shopper in range(shoppers)]
            began, spent = time.perf_counter(), time.process_time()
            sync(state, events)
            cpu.append((time.process_time() - spent) * 1000 / shoppers)
            wall.append((time.perf_counter() - began) * 1000 / shoppers)
        state.close()
    return {
        "cpu_ms": round(statistics.median(cpu), 3),
        "least_cpu_ms": round(min(cpu), 3),
        "wall_ms": round(statistics.median(wall), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--remembered", type=int, nargs="+", default=[1, 10, 50, 200])
    parser.add_argument("--shoppers", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--rounds", type=int, default=30)
    wanted = parser.parse_args()
    found = {}
    for shoppers in wanted.shoppers:
        for remembered in wanted.remembered:
            # Few rounds where few uploads are remembered: each round adds one.
            rounds = wanted.rounds if remembered >= wanted.rounds else max(5, remembered)
            found[f"{shoppers} shoppers, {remembered} remembered"] = one = measure(remembered, shoppers, rounds)
            print(f"{shoppers:>4} shoppers, {remembered:>4} remembered: {one}", flush=True)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "fold.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
