"""Many uploads at once: few requests, one effect each, and no row that spoils it for the others."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from awaiting import until
from outfits import NOON

from klaviyo_sink.delivery.batches import Batches
from klaviyo_sink.delivery.follow_up import FollowUps
from klaviyo_sink.delivery.gatherer import Gatherer
from klaviyo_sink.delivery.lanes import BREAK_EVEN, JOBS_AT_ONCE
from klaviyo_sink.delivery.results import Delivered
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.sink import Written, open_sink
from klaviyo_sink.state.folding import Folded
from klaviyo_sink.state.settling import Current, Duty, Settled
from schemas.events import Identity
from schemas.outcomes import Later, Never

JOBS = "/api/event-bulk-create-jobs"
IMPORTS = "/api/profile-bulk-import-jobs"


async def all_of(sink, uploads):
    return await asyncio.gather(*map(sink.sync, uploads))


async def test_few_go_one_by_one_and_many_as_one_job(sink, sandbox, outfit):
    few = await all_of(sink, [outfit(f"a{i}", shopper_id=f"s{i}") for i in range(23)])
    assert set(few) == {Written("written", "single", 1)}
    many = await all_of(sink, [outfit(f"b{i}", "material/silk", shopper_id=f"s{i}") for i in range(300)])
    assert {one.lane for one in many} == {"bulk"}
    assert {one.outcome for one in many} == {"written"}
    assert (await sandbox.posts(), await sandbox.posts(JOBS)) == (23, 1)
    assert len((await sandbox.state())["events"]) == 323


async def test_a_shoppers_waiting_uploads_share_one_state_and_stay_distinct_events(sink, sandbox, outfit):
    uploads = [outfit(f"u{i}", f"material/m{i}") for i in range(40)]
    await all_of(sink, [*uploads, uploads[3], uploads[3]])
    state = await sandbox.state()
    assert len(state["events"]) == 40
    [profile] = state["profiles"]
    assert profile["properties"]["outfit_version"] <= 2
    assert len(profile["properties"]["outfit_materials"]) == 40
    assert "events_deduplicated" not in state["counters"]


async def test_refused_rows_are_removed_and_the_rest_is_accepted(sink, sandbox, outfit):
    uploads = [outfit(f"u{i}", shopper_id=f"s{i}") for i in range(60)]
    for bad in (7, 31):
        uploads[bad] = uploads[bad].model_copy(update={"identity": Identity(email="ada@nowhere")})
    outcomes = await all_of(sink, uploads)
    assert [i for i, one in enumerate(outcomes) if isinstance(one, Never)] == [7, 31]
    assert "@" not in outcomes[7].message
    assert len((await sandbox.state())["events"]) == 58
    assert await sandbox.posts(JOBS) == 2


async def test_a_job_whose_answer_was_lost_is_not_repeated_in_effect(sink, sandbox, outfit):
    uploads = [outfit(f"u{i}", shopper_id=f"s{i}") for i in range(50)]
    await sandbox.order(faults=[{"status": 500, "cut": True, "after": True}], requests=1)
    assert all(isinstance(one, Later) for one in await all_of(sink, uploads))
    again = await all_of(sink, [*uploads, outfit("new", shopper_id="s50")])
    assert {one.outcome for one in again} == {"written"}
    state = await sandbox.state()
    assert len(state["events"]) == 51
    assert {profile["properties"]["outfit_version"] for profile in state["profiles"]} == {1}
    assert {one.outcome for one in await all_of(sink, uploads)} == {"unchanged"}


async def test_without_pointers_the_bad_row_is_found_by_halving(config, clock, outfit):
    async def picky(request: httpx.Request) -> httpx.Response:
        if b'"upload_id":"poison"' in request.content:
            problem = {"code": "invalid", "title": "No.", "source": {"pointer": "/data"}}
            return httpx.Response(400, json={"errors": [problem]})
        return httpx.Response(413 if len(request.content) > 12_000 else 202)

    sink = await open_sink(config, now=clock.now)
    sink._client._http = httpx.AsyncClient(
        base_url=config.url, transport=httpx.MockTransport(picky), auth=sink._client._http.auth
    )
    clocked = asyncio.create_task(clock.run())
    outcomes = await all_of(sink, [outfit("poison" if i == 5 else f"u{i}", shopper_id=f"s{i}") for i in range(40)])
    clocked.cancel()
    await sink.aclose()
    assert [i for i, one in enumerate(outcomes) if isinstance(one, Never)] == [5]
    assert {one.outcome for one in outcomes if not isinstance(one, Never)} == {"written"}


@pytest.mark.parametrize("count", [1, 30])
async def test_a_deleted_profile_id_falls_back_to_the_next_identifier(sink, sandbox, outfit, count):
    def merged(upload):
        return [
            outfit(
                f"{upload}{i}",
                f"material/{upload}",
                shopper_id=f"s{i}",
                identity=Identity(klaviyo_id=f"01GONE{i}", external_id=f"s{i}"),
            )
            for i in range(count)
        ]

    for upload in ("cotton", "silk"):
        assert {one.outcome for one in await all_of(sink, merged(upload))} == {"written"}
    state = await sandbox.state()
    assert {profile["external_id"] for profile in state["profiles"]} == {f"s{i}" for i in range(count)}
    assert len(state["events"]) == 2 * count


async def test_states_of_deleted_profiles_fall_back_to_the_next_identifier_too(sink, sandbox, outfit):
    at = outfit().tagged_at
    for day, tag in enumerate(("material/silk", "material/cotton", "material/silk")):
        uploads = [
            outfit(
                "u",
                tag,
                shopper_id=f"s{i}",
                identity=Identity(external_id=f"s{i}", **({"klaviyo_id": f"01GONE{i}"} if day == 2 else {})),
                tagged_at=at + timedelta(days=day),
            )
            for i in range(30)
        ]
        assert {one.outcome for one in await all_of(sink, uploads)} == {"written"}
    profiles = (await sandbox.state())["profiles"]
    assert {one["external_id"]: one["properties"]["outfit_materials"] for one in profiles} == {
        f"s{i}": ["silk"] for i in range(30)
    }


@pytest.mark.parametrize("end", ["complete", "cancelled", "expired"])
async def test_states_of_many_go_as_an_import_job_followed_to_its_end(sink, sandbox, outfit, end):
    at = outfit().tagged_at
    for day, tag in enumerate(("material/silk", "material/cotton")):
        await all_of(
            sink, [outfit("u", tag, shopper_id=f"s{i}", tagged_at=at + timedelta(days=day)) for i in range(30)]
        )
    (await sandbox.http.post("/sandbox/imports", json={"end": end})).raise_for_status()
    back = [outfit("u", "material/silk", shopper_id=f"s{i}", tagged_at=at + timedelta(days=2)) for i in range(30)]
    outcomes = await all_of(sink, back)
    if end != "complete":
        assert {one.reason for one in outcomes} == {f"import-{end}"}
        outcomes = await all_of(sink, back)
    assert set(outcomes) == {Written("written", "bulk", 3)}
    profiles = (await sandbox.state())["profiles"]
    assert {tuple(profile["properties"]["outfit_materials"]) for profile in profiles} == {("silk",)}
    assert await sandbox.posts("/api/profile-import") == 0


async def test_import_jobs_that_never_end_keep_no_event_waiting(sink, sandbox, outfit):
    at, shoppers = outfit().tagged_at, [f"s{i}" for i in range(JOBS_AT_ONCE * BREAK_EVEN)]

    def tagged(tag, day, some):
        return [outfit("u", tag, shopper_id=one, tagged_at=at + timedelta(days=day)) for one in some]

    await all_of(sink, tagged("material/silk", 0, shoppers))
    await all_of(sink, tagged("material/cotton", 1, shoppers))
    begun, stuck = await sandbox.posts(IMPORTS), []
    for first in range(0, len(shoppers), BREAK_EVEN):
        (await sandbox.http.post("/sandbox/imports", json={"end": "stuck"})).raise_for_status()
        some = tagged("material/silk", 2, shoppers[first : first + BREAK_EVEN])
        stuck.append(asyncio.create_task(all_of(sink, some)))

        async def all_are_sent():
            return await sandbox.posts(IMPORTS) == begun + len(stuck)

        await until(all_are_sent)
    async with asyncio.timeout(10):
        others = await all_of(sink, [outfit("v", shopper_id=f"other-{i}") for i in range(BREAK_EVEN)])
    assert set(others) == {Written("written", "bulk", 1)}
    assert not any(one.done() for one in stuck)
    for one in stuck:
        one.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)


async def test_states_that_another_process_overtook_leave_their_place_among_the_jobs_too(outfit):
    events, did = [outfit("u", shopper_id=f"s{i}") for i in range(8)], []

    class Overtaken:
        def fold(self, events):
            return [Folded({}, 1, 0, one.shopper_id, known=False, ticket=1) for one in events]

        def settle(self, writes, *, at):  # noqa: ARG002 - as StateDatabase.settle
            duty = Duty.NONE if "states" in did else Duty.MEND
            return {one.shopper_id: Settled(duty, 2, Current(2, "{}")) for one in writes}

    class Open:
        async def send_events(self, rows, lane):
            return {row.key: Delivered(lane) for row in rows}

        async def send_states(self, rows):
            did.append("states")
            return {row.key: Delivered("bulk") for row in rows}

    async def here(call, given, **also):  # noqa: ANN003 - any arguments of a call
        return call(given, **also)

    async def find_dirty(_shopper_id):
        return 0

    follow_ups = FollowUps(events.append, find_dirty, 30)
    batches = Batches(Overtaken(), Open(), here, "Outfit Tagged", timedelta(days=1), lambda: NOON, follow_ups)
    outcomes = await batches.write(events, "bulk", {}, lambda: did.append("made room"))
    assert {one.outcome for one in outcomes} == {"written"}
    assert did == ["made room", "states"]


async def test_two_sinks_of_an_account_share_one_budget(config, clock, sandbox, outfit):
    sinks = [await open_sink(config, now=clock.now) for _ in range(2)]
    calls = [one.sync(outfit(f"u{i}", shopper_id=f"s{i}")) for i, one in enumerate(sinks * 12)]
    assert {one.outcome for one in await asyncio.gather(*calls)} == {"written"}
    granted = [await one._lanes._budget.ask("POST /api/events", 500) for one in sinks]
    assert [one.slots for one in granted] == [322 - await sandbox.posts(), 0]
    for one in sinks:
        await one.aclose()


async def test_while_more_come_than_singles_keep_up_with_all_go_as_jobs(sink, outfit):
    assert (await sink.sync(outfit("u1"))).lane == "single"
    sink._lanes.expect(1000)
    assert (await sink.sync(outfit("u2"))).lane == "bulk"
    await until(sink._lanes.single_open)
    assert (await sink.sync(outfit("u3"))).lane == "single"


async def test_jobs_on_their_way_are_few_however_many_wait(config, clock, outfit):
    under_way, most, full = 0, 0, asyncio.Event()

    async def slow(_request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 4:
            full.set()
        # The server answers only once four requests are here; a fifth had time to arrive.
        await full.wait()
        await asyncio.sleep(0.05)
        under_way -= 1
        return httpx.Response(202)

    sink = await open_sink(config, now=clock.now)
    sink._client._http = httpx.AsyncClient(
        base_url=config.url, transport=httpx.MockTransport(slow), auth=sink._client._http.auth
    )
    clocked = asyncio.create_task(clock.run())
    rows = [Row(outfit(f"u{i}"), f"{i}", {}, "Outfit Tagged", backfill=False) for i in range(9)]
    answers = await asyncio.gather(*(sink._lanes.send_events([row], "bulk") for row in rows))
    clocked.cancel()
    await sink.aclose()
    assert [len(one) for one in answers] == [1] * 9
    assert most == 4


async def test_closing_answers_every_waiting_caller(config, clock, sandbox, outfit):
    await sandbox.order(latency_s=[1, 1])
    sink = await open_sink(config, now=clock.now)
    calls = [asyncio.create_task(sink.sync(outfit(f"u{i}"))) for i in range(3)]
    await asyncio.sleep(0.1)
    await sink.aclose()
    assert {(await one).reason for one in calls} == {"closing"}


async def test_a_gatherer_keeps_a_busy_shoppers_things_and_everyones_order():
    line: Gatherer[int] = Gatherer()
    for number, shopper in enumerate("abacab"):
        line.add(shopper, number)
    assert line.take(4) == {"a": [0, 2, 4], "b": [1]}
    line.add("a", 6)
    assert (line.ready, line.take(9)) == (1, {"c": [3]})
    line.release(["a", "b"])
    assert line.take(9) == {"a": [6], "b": [5]}
    assert line.ready == 0
