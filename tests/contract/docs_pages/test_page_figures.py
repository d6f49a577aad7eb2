"""A figure that several pages state has one value: the READMEs and the scaling page follow their sources."""

import re

import pytest
from pages import ROOT

from klaviyo_sink.sink import JOB_EVERY_S
from streams.operations.doctor import CHECKS
from streams.operations.plan import Load, plan

SCALING = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_each_figure_of_the_readme_is_on_the_page_that_it_names(readme: str):
    rows = re.findall(r"^\| ([^|]*\d[^|]*) \| \[(docs/\w+\.md)\]", (ROOT / readme).read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 3
    for figure, page in rows:
        text = (ROOT / page).read_text("utf-8")
        for number in re.findall(r"\d+(?:\.\d+)?", figure):
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", text), f"{page} does not state {number}"


def test_the_scaling_page_states_what_the_worksheet_computes():
    text = " ".join(f"{line.need} {line.why}" for line in plan(Load(10_000_000, 1.2)))
    for stated, on_page in (
        ("417 cores", "139 to 417 cores"),
        ("7 processes", "max(7, 2) = 7"),
        ("outfit.uploads --partitions 48", "--topic outfit.uploads --partitions 48"),
        ("1270/s", "1,270 events/s"),
        ("1426/s", "1,426 events/s"),
        ("130 GB", "10 M a day are 130 GB"),
        ("10.5 TB", "150 kB are 10.5 TB"),
    ):
        assert stated in text
        assert on_page in SCALING, f"docs/scaling.md does not state {on_page}"


def test_both_pages_state_how_often_a_job_that_is_not_full_leaves():
    for page in ("scaling", "klaviyo"):
        assert f"at most every {JOB_EVERY_S:.2f} s" in (ROOT / f"docs/{page}.md").read_text("utf-8"), page


def test_the_operations_page_lists_every_check_of_doctor():
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    table = page.partition("| check | what it checks |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE)) == CHECKS.keys()
