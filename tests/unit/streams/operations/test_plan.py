"""The worksheet of `hangtag plan`."""

import json
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from streams.cli.main import app
from streams.operations.plan import Load, plan, recognize_fits


def needs(load: Load) -> dict[str, str]:
    return {line.what: line.need for line in plan(load)}


def test_ten_million_a_day_at_1_3_seconds_a_photo():
    found = needs(Load(10_000_000, 1.3))
    assert found["uploads"] == "115.7/s"
    assert found["OCR"] == "452 cores"
    # Of 12 partitions one process would have 2, and 75 photos in flight where it may have 64.
    assert (found["recognize"], found["partitions of outfit.uploads"]) == ("8 processes", "24")
    assert (found["tag"], found["sync"]) == ("2 processes", "2 processes")
    assert found["photos"] == "10.5 TB"
    # The ledger is pruned: a second year adds nothing.
    assert found["database"] == "130 GB"
    assert found["Klaviyo"] == "15.1% of an account's bulk limit"


def test_a_shop_fits_the_partitions_that_are_made_by_default():
    assert needs(Load(1_000_000, 1.3))["partitions of outfit.uploads"] == "12"


@given(st.floats(1, 1e9), st.floats(0.01, 30), st.floats(1, 10), st.integers(1, 512))
def test_no_process_of_recognize_holds_more_than_it_may(uploads, seconds, peak, in_flight):
    load = Load(uploads, seconds, peak, in_flight)
    processes, partitions = recognize_fits(load)
    share = ceil(partitions / processes) / partitions
    assert processes <= partitions
    assert load.peak_per_s * load.seconds_per_photo * share <= in_flight
    # Not lavish either: half as many would not do.
    if processes > 2:
        assert load.peak_per_s * max(seconds / in_flight, 1 / 240) > processes / 2 - 1


@pytest.mark.parametrize("text", ["10M", "10m", "10,000,000", "10000k", "0.01G"])
def test_a_number_may_be_written_as_people_do(text):
    told = CliRunner().invoke(app, ["plan", "--uploads-per-day", text, "--seconds-per-photo", "1.3", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout.splitlines()[0])["need"] == "115.7/s"


@pytest.mark.parametrize("text", ["ten", "0", "-5", "10T", ""])
def test_text_that_is_no_number_is_refused(text):
    told = CliRunner().invoke(app, ["plan", f"--uploads-per-day={text}"])
    assert told.exit_code == 2
    assert "write 44000, 250k or 10M" in " ".join(told.stderr.replace("│", " ").split())


def test_gpus_are_counted_by_full_batches_and_one_to_spare():
    told = CliRunner().invoke(app, ["plan", "--uploads-per-day", "10M", "--gpu", "--seconds-per-photo", "2"])
    assert "23 GPUs" in told.stdout
