"""`hangtag rules unread`, `coverage`, `corpus` and `try` on kept texts, as merchandisers run them."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from recognized import publish, recognized

from rules.quality.labelled import read_labelled
from streams.config.settings import Settings, child_environment
from streams.wiring.kafka import make_emitter

DRAFT = """\
category = "material"

[flamingo]
en = "Flamingo weave"
zh = "火烈鸟布"
words = ["flamingo weave"]
yes = ["flamingo weave"]
no = ["flamingo"]
"""


@pytest.fixture
def settings(broker) -> Settings:
    settings = Settings(bootstrap_servers=broker.address)

    async def put() -> None:
        emitter = make_emitter(settings)
        for number in range(3):
            event = recognized(f"u{number}", "100% linen", "flamingo weave", "ann@example.com", shopper_id=f"s{number}")
            await publish(emitter, settings, event)
        await emitter.aclose()

    asyncio.run(put())
    return settings


def rules(settings: Settings, folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "rules", *arguments],
        env=child_environment(bootstrap_servers=settings.bootstrap_servers, state_url=f"sqlite:///{folder}/state.db"),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_unread_lines_coverage_and_a_corpus_come_of_kept_texts(settings: Settings, tmp_path: Path):
    lines = [json.loads(line) for line in rules(settings, tmp_path, "unread", "--json").splitlines()]
    assert [(line["line"], line["shoppers"]) for line in lines] == [("flamingo weave", 3)]

    (week,) = [json.loads(line) for line in rules(settings, tmp_path, "coverage", "--json").splitlines()]
    assert (week["uploads"], week["tagged"]) == (3, 1.0)

    rules(settings, tmp_path, "corpus", str(tmp_path / "kept.jsonl"))
    kept = read_labelled(tmp_path / "kept.jsonl")
    assert {one.text for one in kept} == {"100% linen\nflamingo weave\n…"}
    assert "material/linen" in kept[0].must


def test_a_draft_is_tried_on_kept_texts_before_it_is_saved(settings: Settings, tmp_path: Path):
    draft = tmp_path / "draft.toml"
    draft.write_text(DRAFT, encoding="utf-8")
    assert "material/flamingo" in rules(settings, tmp_path, "try", str(draft))

    draft.write_text(DRAFT.replace('no = ["flamingo"]', 'no = ["flamingo weave"]'), encoding="utf-8")
    rules(settings, tmp_path, "try", str(draft), code=1)
