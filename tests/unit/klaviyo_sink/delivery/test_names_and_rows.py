"""A fault of one name or row is found at every place in a job, however often it occurs."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from klaviyo_sink.api.client import Accepted, RowsRefused
from klaviyo_sink.api.row_errors import Fault
from klaviyo_sink.delivery.jobs import Jobs
from klaviyo_sink.delivery.results import Delivered
from klaviyo_sink.delivery.rows import Row
from klaviyo_sink.sink import Written
from schemas.events import Identity
from schemas.outcomes import Never


async def make_profile(sandbox, config, email):
    headers = {
        "authorization": f"Klaviyo-API-Key {config.key.get_secret_value()}",
        "revision": config.revision,
        "content-type": "application/vnd.api+json",
    }
    body = {"data": {"type": "profile", "attributes": {"email": email}}}
    made = await sandbox.http.post("/api/profile-import", content=json.dumps(body), headers=headers)
    return made.json()["data"]["id"]


@pytest.mark.parametrize("count", [1, 30])
async def test_a_test_domain_is_refused_under_whichever_name_it_is_reached(sink, sandbox, outfit, count):
    uploads = [
        outfit(f"u{i}", shopper_id=f"s{i}", identity=Identity(klaviyo_id=f"01GONE{i}", email=f"x{i}@example.com"))
        for i in range(count)
    ]
    outcomes = await asyncio.gather(*map(sink.sync, uploads))
    assert {(type(one), one.reason) for one in outcomes} == {(Never, "test-domain")}
    assert (await sandbox.state())["events"] == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_passing_404_on_a_good_id_makes_no_second_profile(sink, config, sandbox, outfit, times):
    known = await make_profile(sandbox, config, "real@shop.cn")
    identity = Identity(klaviyo_id=known, external_id="s1")
    await sandbox.order(faults=[{"status": 404}], requests=times)
    first = outfit("u1", identity=identity)
    while not isinstance(await sink.sync(first), Written):
        await asyncio.sleep(0)
    await sink.sync(outfit("u2", "material/silk", identity=identity))
    [profile] = (await sandbox.state())["profiles"]
    assert profile["id"] == known
    assert profile["properties"]["outfit_materials"] == ["cotton", "silk"]


@dataclass
class OneByOne:
    """A Klaviyo that names one bad row an answer."""

    bad: set[str]
    requests: int = 0

    async def send(self, job):
        self.requests += 1
        for at, piece in enumerate(job):
            if piece.row.unique_id in self.bad:
                return RowsRefused({at: (Fault.REFUSED, "no")})
        return Accepted(202, {})

    async def finish(self, job, _begun):
        return {piece.row.key: Delivered("bulk") for piece in job}


async def test_when_many_rows_are_refused_one_by_one_the_others_are_accepted(outfit):
    klaviyo = OneByOne({f"{i}" for i in range(2000)})

    async def rename(row):
        return row

    jobs = Jobs(klaviyo.send, klaviyo.finish, 10_000, rename)
    rows = [Row(outfit(f"u{i}"), f"{i}", {"outfit_version": 1}, "m", backfill=False, version=1) for i in range(2500)]
    results = await jobs.run(rows)
    assert sum(isinstance(one, Never) for one in results.values()) == 2000
    assert sum(isinstance(one, Delivered) for one in results.values()) == 500
    assert klaviyo.requests == 2001
