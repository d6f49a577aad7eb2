"""With any order, repetition, crash and fault, Klaviyo ends with the plain fold and each upload once."""

import asyncio
import random
import tempfile
from datetime import UTC, datetime, timedelta

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from klaviyo_sink.profile.interests import Interest, Interests
from klaviyo_sink.profile.recency import Recency
from klaviyo_sink.profile.style import StyleProfile, contribution, fold
from klaviyo_sink.profile.wording import Wording
from klaviyo_sink.sandbox.app import create_app
from klaviyo_sink.sandbox.server import listen, make_server, url_of
from klaviyo_sink.sink import SinkConfig, Written, open_sink
from schemas.events import Labels

KEY = "pk_chaos"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Running:
    """A clock that runs a hundred times as fast, so that waits for the budget are short."""

    def __init__(self) -> None:
        self.at = START
        self.step = timedelta(seconds=1)

    def now(self):
        return self.at


TAGS = ("material/cotton", "material/silk", "style/v-neck", "category/dress", "category/t-shirt", "interest/vacation")


#: What two uploads of the last three days have.
LIKED_LATELY = Interests(
    [
        Interest(f"interest/{one.partition('/')[2]}", Labels(en="", zh=""), (frozenset([one]),), 2, timedelta(days=3))
        for one in TAGS
    ]
)
#: Things fade within the days that the uploads below are apart.
WORDING = Wording(recency=Recency(timedelta(days=2)), interests=LIKED_LATELY)
STORMS = (
    [],
    [{"status": 503, "share": 0.2}, {"status": 500, "share": 0.1, "cut": True}],
    [{"status": 502, "share": 0.3, "after": True}, {"status": 403, "share": 0.1, "html": True}],
    [{"status": 429, "share": 0.3, "retry_after": "0"}, {"status": 500, "share": 0.2, "cut": True, "after": True}],
)


async def until_written(sink, upload, chance):
    # What the stage does: the same event again and again, while the answer is Later.
    while not isinstance(answer := await sink.sync(upload), Written):
        if answer.reason == "closing":
            return False
        await asyncio.sleep(0.01 * chance.random())
    return True


async def run(uploads, storm, crashes, seed, clock, folder):
    chance = random.Random(seed)
    app = create_app(KEY, now=clock.now, speed=1000)
    server = make_server(app)
    listening = listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    config = SinkConfig(
        url_of(listening),
        SecretStr(KEY),
        state_url=f"sqlite:///{folder}/state.db",
        recency=WORDING.recency,
        interests=WORDING.interests,
    )

    async def time_goes_on():
        while True:
            await asyncio.sleep(0.01)
            clock.at += clock.step

    ticking = asyncio.create_task(time_goes_on())
    async with httpx.AsyncClient(base_url=config.url, trust_env=False) as http:
        await http.post("/sandbox/faults", json={"faults": storm, "seed": seed})
        left = list(uploads)
        for crash in [*crashes, None]:
            sink = await open_sink(config, now=clock.now)
            # Redelivered from the start, as after a lost commit, and in another order among shoppers.
            chance.shuffle(left)
            work = [asyncio.create_task(until_written(sink, upload, chance)) for upload in left]
            if crash is None:
                assert all(await asyncio.gather(*work))
            else:
                await asyncio.sleep(crash)
            await sink.aclose()
            await asyncio.gather(*work)
        ticking.cancel()
        await http.post("/sandbox/faults", json={})
        state = (await http.get("/sandbox/state")).json()
    server.should_exit = True
    await serving
    return state


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
@given(
    made=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 9), st.sets(st.sampled_from(TAGS), min_size=1)),
        min_size=1,
        max_size=60,
    ),
    storm=st.sampled_from(STORMS),
    crashes=st.lists(st.floats(0, 0.15), max_size=2),
    seed=st.integers(0, 1000),
)
def test_any_interleaving_ends_where_the_plain_fold_ends(outfit, made, storm, crashes, seed):
    uploads = [
        outfit(f"u{i}", *sorted(tags), shopper_id=f"s{shopper}", uploaded_at=START - timedelta(days=days))
        for i, (shopper, days, tags) in enumerate(made)
    ]
    with tempfile.TemporaryDirectory() as folder:
        state = asyncio.run(run([*uploads, *uploads[:5]], storm, crashes, seed, Running(), folder))
    said = {one["external_id"]: one["properties"] for one in state["profiles"]}
    for shopper in {upload.shopper_id for upload in uploads}:
        theirs = fold(StyleProfile(), [contribution(one) for one in uploads if one.shopper_id == shopper])
        # How often the profile changed on the way is all that may differ.
        version = said[shopper].pop("outfit_version")
        assert version >= 1
        plain = WORDING.properties(theirs, version)
        del plain["outfit_version"]
        assert said[shopper] == {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}
    assert sorted(one["properties"]["upload_id"] for one in state["events"]) == sorted(one.upload_id for one in uploads)
