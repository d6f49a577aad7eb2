"""An old backup of the state database: the stage notices before it removes values, and reconcile repairs it."""

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from klaviyo_sink.access import open_client
from klaviyo_sink.account.reconcile import Reconciling
from klaviyo_sink.account.steps import Calls
from klaviyo_sink.dry_run import DryRun
from klaviyo_sink.sink import Written, open_sink
from schemas.events import Identity
from schemas.outcomes import Misconfigured


@asynccontextmanager
async def opened(config, clock, dry_run=None):
    sink = await open_sink(config, now=clock.now, dry_run=dry_run)
    try:
        yield sink
    finally:
        await sink.aclose()


@pytest.fixture(params=["external_id", "email", "klaviyo_id"])
def uploads(request, outfit):
    """Five uploads of a shopper, one material each, and one of somebody else."""

    def upload(number, material, shopper="s1"):
        names = {"external_id": shopper, "email": f"{shopper}@shop.cn", "klaviyo_id": None}
        return outfit(
            f"u{number}",
            f"material/{material}",
            shopper_id=shopper,
            uploaded_at=outfit().uploaded_at - timedelta(minutes=50 - number),
            identity=Identity(**{request.param: names[request.param] or "01MISSING", "external_id": shopper}),
        )

    many = [upload(i, one) for i, one in enumerate(("cotton", "linen", "silk", "wool", "denim"))]
    return [*many, upload(9, "leather", "s2")]


def put_back(backup, file):
    for part in ("", "-wal", "-shm"):
        Path(f"{file}{part}").unlink(missing_ok=True)
    shutil.copy(backup, file)


@pytest.fixture
async def restored(config, clock, uploads):
    """A state database as it was after the first upload; Klaviyo had four, and somebody else's."""
    file = Path(config.state_url.removeprefix("sqlite:///"))
    async with opened(config, clock) as sink:
        await sink.sync(uploads[0])
    backup = file.with_suffix(".bak")
    shutil.copy(file, backup)
    async with opened(config, clock) as sink:
        for one in (*uploads[1:4], uploads[5]):
            assert isinstance(await sink.sync(one), Written)
    await asyncio.to_thread(put_back, backup, file)


async def properties(sandbox, wanted="cotton"):
    profiles = (await sandbox.state())["profiles"]
    [found] = [one["properties"] for one in profiles if wanted in one["properties"].get("outfit_materials", ())]
    return found


async def reconcile(config, clock, uploads, *, dry_run=False):
    async def at_once(_seconds):
        await asyncio.sleep(0)

    unsent = DryRun(lambda *_: None) if dry_run else None
    async with opened(config, clock, unsent) as sink, open_client(config) as client:
        reconciling = Reconciling(sink, Calls(client, at_once), "outfit_version")
        return [report async for report in reconciling.run(lambda: iter(uploads))][-1]


@pytest.mark.usefixtures("restored")
async def test_an_old_backup_is_noticed_and_takes_nothing_from_a_profile(config, clock, sandbox, uploads):
    before = await properties(sandbox)
    async with opened(config, clock) as sink:
        refused = await sink.sync(uploads[4])
    assert isinstance(refused, Misconfigured)
    assert "hangtag klaviyo reconcile" in refused.message
    assert await properties(sandbox) == before


def by_one_address(outfit, upload, material, shopper):
    shared = Identity(email="family@shop.cn")
    return outfit(upload, f"material/{material}", shopper_id=shopper, identity=shared)


async def test_a_shopper_whose_profile_another_one_wrote_last_is_no_sign_of_an_old_backup(config, clock, outfit):
    """A family shares an address, and so a profile. Its version is that of the member who was written last."""
    async with opened(config, clock) as sink:
        await sink.sync(by_one_address(outfit, "u1", "cotton", "mother"))
        for number, material in enumerate(("silk", "wool", "linen")):
            await sink.sync(by_one_address(outfit, f"v{number}", material, "daughter"))
    async with opened(config, clock) as sink:
        assert isinstance(await sink.sync(by_one_address(outfit, "u2", "denim", "mother")), Written)


async def test_a_shared_profile_that_no_row_explains_is_a_sign_of_an_old_backup(config, clock, outfit):
    file = Path(config.state_url.removeprefix("sqlite:///"))
    async with opened(config, clock) as sink:
        await sink.sync(by_one_address(outfit, "u1", "cotton", "mother"))
        await sink.sync(by_one_address(outfit, "v0", "silk", "daughter"))
    backup = await asyncio.to_thread(shutil.copy, file, file.with_suffix(".bak"))
    async with opened(config, clock) as sink:
        for number, material in enumerate(("wool", "linen"), 1):
            await sink.sync(by_one_address(outfit, f"v{number}", material, "daughter"))
    await asyncio.to_thread(put_back, backup, file)
    async with opened(config, clock) as sink:
        assert isinstance(await sink.sync(by_one_address(outfit, "u2", "denim", "mother")), Misconfigured)


@pytest.mark.usefixtures("restored")
async def test_reconciling_rebuilds_the_state_and_the_next_upload_adds_to_it(config, clock, sandbox, uploads):
    before, events = await properties(sandbox), len((await sandbox.state())["events"])
    dry = await reconcile(config, clock, uploads[:4] + uploads[5:], dry_run=True)
    assert await properties(sandbox) == before
    report = await reconcile(config, clock, uploads[:4] + uploads[5:])
    for one in (dry, report):
        assert (one.uploads, one.shoppers, one.behind, one.failed) == (5, {"s1", "s2"}, {"s1", "s2"}, {})
        assert (one.mended, one.lost_values) == (set(), set())
    after = await properties(sandbox)
    assert after["outfit_materials"] == ["cotton", "linen", "silk", "wool"]
    assert after["outfit_version"] > before["outfit_version"]
    assert len((await sandbox.state())["events"]) == events, "reconciling starts no flow"
    async with opened(config, clock) as sink:
        assert isinstance(await sink.sync(uploads[4]), Written)
    assert (await properties(sandbox))["outfit_materials"] == ["cotton", "denim", "linen", "silk", "wool"]


@pytest.mark.usefixtures("restored")
async def test_values_that_the_topic_no_longer_explains_are_counted(config, clock, uploads):
    report = await reconcile(config, clock, uploads[2:5], dry_run=True)
    assert report.lost_values == {"s1"}
    assert report.mended == {"s1"}


async def test_reconciling_leaves_the_forgotten_alone(config, clock, sandbox, outfit, forget_shopper):
    await asyncio.to_thread(forget_shopper, config.state_url)
    report = await reconcile(replace(config), clock, [outfit("u1"), outfit("u1", shopper_id="s2")])
    assert (report.forgotten, report.shoppers) == ({"s1"}, {"s1", "s2"})
    assert [one["external_id"] for one in (await sandbox.state())["profiles"]] == ["s2"]
