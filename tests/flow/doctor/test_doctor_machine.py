"""`hangtag doctor` with one fault on the machine, in the lexicon or in the state: it reports that fault only."""

import sqlite3
import time

import pytest
from doctor_world import KEY, complaints
from pydantic import SecretStr

from klaviyo_sink.state.database import open_database
from streams.operations.checks.answer import Machine


@pytest.mark.parametrize(("skew", "status"), [(-30, "warn"), (600, "fail")])
async def test_fault_9_a_clock_that_is_off(settings, skew, status):
    found = await complaints(settings, Machine(clock=lambda: time.time() + skew), "clock", "klaviyo", "files")
    assert {name: line.status for name, line in found.items()} == {"clock": status}
    assert ("ahead of" if skew > 0 else "behind") in found["clock"].finding


async def test_fault_10_a_lexicon_with_a_mistake(settings, tmp_path):
    (tmp_path / "ours.toml").write_text("[[entries]\n")
    found = await complaints(settings.model_copy(update={"lexicon": tmp_path}))
    assert found.keys() == {"lexicon"}
    assert "hangtag rules check" in found["lexicon"].advice


@pytest.mark.parametrize("fault", ["newer", "no database", "no folder", "no url", "silent server"])
async def test_fault_11_a_state_database_that_cannot_be_used(settings, tmp_path, silent_port, fault):
    file = tmp_path / "other.db"
    url = f"sqlite:///{file}"
    if fault == "newer":
        open_database(url).dispose()
        with sqlite3.connect(file) as database:
            database.execute("UPDATE hangtag_sink_version SET version_num = 'v9999'")
        database.close()
    elif fault == "silent server":
        url = f"postgresql+psycopg://hangtag:{KEY}@127.0.0.1:{silent_port}/hangtag"
    elif fault == "no database":
        file.write_bytes(b"something else" * 100)
    elif fault == "no folder":
        (tmp_path / "file").touch()
        url = f"sqlite:///{tmp_path}/file/state.db"
    else:
        url = "somewhere"
    found = await complaints(settings.model_copy(update={"state_url": SecretStr(url)}), None, "state", "disk", "store")
    assert {name: line.status for name, line in found.items()} == {"state": "fail"}


async def test_a_state_database_that_a_sync_stage_is_writing_is_no_fault(settings, tmp_path):
    with sqlite3.connect(tmp_path / "state.db") as busy:
        busy.execute("BEGIN IMMEDIATE")
        hasty = SecretStr(f"{settings.state_url.get_secret_value()}?timeout=0.2")
        patient = settings.model_copy(update={"state_url": hasty})
        found = await complaints(patient, None, "state")
        busy.rollback()
    busy.close()
    assert {name: line.status for name, line in found.items()} == {"state": "warn"}
    assert "write lock" in found["state"].finding


async def test_fault_12_too_few_open_files(settings):
    found = await complaints(settings, Machine(open_files=lambda: 128), "files", "disk", "broker")
    assert found.keys() == {"files"}
    assert "ulimit -n" in found["files"].advice


@pytest.mark.parametrize(("free", "status"), [(1_000_000_000, "warn"), (10_000_000, "fail")])
async def test_fault_13_a_full_disk(settings, free, status):
    found = await complaints(settings, Machine(free_bytes=lambda _folder: free), "disk", "store", "state")
    assert {name: line.status for name, line in found.items()} == {"disk": status}


async def test_a_state_database_of_before_is_named_as_such_and_left_alone(settings, tmp_path):
    file = tmp_path / "old.db"
    file.touch()
    found = await complaints(settings.model_copy(update={"state_url": SecretStr(f"sqlite:///{file}")}), None, "state")
    assert {name: line.status for name, line in found.items()} == {"state": "warn"}
    assert file.stat().st_size == 0
