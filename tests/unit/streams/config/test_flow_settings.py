"""Settings that contradict one another are refused, with the line to write."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from streams.cli.main import app
from streams.config.settings import Settings

SIZES = st.integers(1, 10_000)


def said(**values: object) -> str:
    with pytest.raises(ValidationError) as told:
        Settings(_env_file=None, **values)
    return str(told.value)


def test_more_in_flight_than_pending_is_refused_and_each_suggested_line_is_accepted():
    message = said(in_flight=1024)
    assert "HANGTAG_IN_FLIGHT (1024) must be at most HANGTAG_PENDING (256)" in message
    assert "write HANGTAG_PENDING=1024 HANGTAG_SPAN=1024, or HANGTAG_IN_FLIGHT=256" in message
    Settings(_env_file=None, in_flight=1024, pending=1024, span=1024)


@given(SIZES, SIZES, SIZES)
def test_each_suggested_line_fixes_it(in_flight, pending, span):
    values = {"in_flight": in_flight, "pending": pending, "span": span}
    if in_flight <= pending <= span:
        Settings(_env_file=None, **values)
        return
    lines = re.search(r"write (.*), or (.*?)(?: \[|$)", said(**values))
    for line in lines.groups():
        change = {name.lower(): int(value) for name, value in re.findall(r"HANGTAG_(\w+)=(\d+)", line)}
        assert change
        Settings(_env_file=None, **(values | change))


def test_a_first_retry_that_waits_longer_than_any_may_is_refused():
    assert "write HANGTAG_RETRY_CAP_S=60" in said(retry_base_s=60)


def test_the_command_says_it_in_one_line(monkeypatch):
    monkeypatch.setenv("HANGTAG_IN_FLIGHT", "1024")
    ended = CliRunner().invoke(app, ["worker", "recognize"])
    assert ended.exit_code == 2
    assert "write HANGTAG_PENDING=1024 HANGTAG_SPAN=1024" in " ".join(ended.output.split())


@given(st.dictionaries(st.sampled_from(["in_flight", "pending", "span"]), SIZES))
def test_syncs_defaults_fit_around_set_values(values):
    ours = Settings.model_construct(_fields_set=set(values), **(Settings(_env_file=None).model_dump() | values))
    effective = [ours.in_flight, ours.pending, ours.span]
    if effective != sorted(effective):
        return
    sync = ours.for_sync()
    assert sync.in_flight <= sync.pending <= sync.span
    assert {name: getattr(sync, name) for name in values} == values


def test_sync_keeps_two_thousand_in_flight_by_default():
    sync = Settings(_env_file=None).for_sync()
    assert (sync.in_flight, sync.pending, sync.span) == (2000, 4000, 8000)
