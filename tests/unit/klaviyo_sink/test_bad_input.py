"""What a shop may send that Klaviyo will not have, or only just: each concerns its own upload or shopper alone."""

import asyncio

import pytest

from schemas.events import Identity, OutfitTagged
from schemas.outcomes import Never

#: Alone as a single event, and among so many that all go as a job.
COMPANY = pytest.mark.parametrize("others", [0, 40])
EMOJI = "👩🏽‍🦰🧥🇫🇷\u200d\u202e顾客"


async def sync_in_company(sink, outfit, others, *events: OutfitTagged):
    """Return what became of the events, and of so many others that came with them."""
    company = [outfit(f"other-{i}", shopper_id=f"other-{i}") for i in range(others)]
    outcomes = await asyncio.gather(*map(sink.sync, [*company, *events]))
    assert {one.outcome for one in outcomes[:others]} <= {"written"}
    return outcomes[others:]


@COMPANY
@pytest.mark.parametrize("email", ["ada@nowhere", "a@b", "ada@shop..cn"])
async def test_an_invalid_address_is_a_dead_letter_that_does_not_quote_it(sink, sandbox, outfit, others, email):
    [refused] = await sync_in_company(sink, outfit, others, outfit("bad", identity=Identity(email=email)))
    assert isinstance(refused, Never)
    assert "@" not in refused.message
    assert len((await sandbox.state())["events"]) == others


@COMPANY
async def test_a_profile_too_large_for_klaviyo_stops_no_other_and_is_not_sent(sink, sandbox, outfit, others):
    """Seven uploads of 200 tags with long names: some 100 kB, of which a profile on an event may have 95."""
    uploads = [
        outfit(f"u{i}", *(f"material/{'x' * 60}-{i}-{number}" for number in range(200)), shopper_id="large")
        for i in range(7)
    ]
    outcomes = await sync_in_company(sink, outfit, others, *uploads)
    assert {type(one) for one in outcomes} == {Never}
    state = await sandbox.state()
    assert "large" not in {one["external_id"] for one in state["profiles"]}
    assert len(state["events"]) == others


@COMPANY
@pytest.mark.parametrize("unit", ["x", "顾", "🧥", "'", '"', "\\", " "])
async def test_ids_as_long_as_may_be_arrive_letter_for_letter(sink, sandbox, outfit, others, unit):
    shopper_id, upload_id = f"a{unit * 253}z", f"a{unit * 126}z"
    [written] = await sync_in_company(sink, outfit, others, outfit(upload_id, shopper_id=shopper_id))
    assert written.outcome == "written"
    assert (await sink.sync(outfit(upload_id, shopper_id=shopper_id))).outcome == "unchanged"
    state = await sandbox.state()
    assert shopper_id in {one["external_id"] for one in state["profiles"]}
    assert upload_id in {one["properties"]["upload_id"] for one in state["events"]}


@COMPANY
async def test_emoji_and_other_unicode_arrive_unchanged(sink, sandbox, outfit, others):
    event = outfit(f"上传{EMOJI}", shopper_id=EMOJI, lexicon_version=EMOJI)
    [written] = await sync_in_company(sink, outfit, others, event)
    assert written.outcome == "written"
    state = await sandbox.state()
    [said] = [one["properties"] for one in state["events"] if one["properties"]["upload_id"] == event.upload_id]
    assert said["lexicon_version"] == EMOJI
    assert EMOJI in {one["external_id"] for one in state["profiles"]}
