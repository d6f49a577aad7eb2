"""A tagger that follows its lexicon, and never goes without one."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rules.lexicon.problems import LexiconError
from streams.wiring.live_tagger import LiveTagger

OWN = '[tencel-plus]\nen = "Tencel Plus"\nzh = "天丝加"\nwords = ["tencelplus"]\n'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "material.toml").write_text(OWN, encoding="utf-8")
    return folder


@contextlib.asynccontextmanager
async def following(live: LiveTagger, every_s: float) -> AsyncIterator[list]:
    with capture_logs() as said:
        task = asyncio.create_task(live.follow(every_s))
        yield said
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_new_changed_and_removed_files_are_noticed(own):
    live = LiveTagger(own)
    versions = [live.current.lexicon.version]

    async with following(live, 0.02):
        (own / "style.toml").write_text(
            '[slouchy]\nen = "Slouchy"\nzh = "慵懒"\nwords = ["慵懒风"]\n', encoding="utf-8"
        )
        await until(lambda: live.current.lexicon.version not in versions)
        versions.append(live.current.lexicon.version)
        (own / "material.toml").write_text(OWN.replace("tencelplus", "tencelextra"), encoding="utf-8")
        await until(lambda: live.current.lexicon.version not in versions)
        (own / "style.toml").unlink()
        (own / "material.toml").write_text(OWN, encoding="utf-8")
        await until(lambda: live.current.lexicon.version == versions[0])


async def test_a_folder_that_vanishes_leaves_the_old_lexicon_and_is_reported_once(own):
    live = LiveTagger(own)
    old = live.current

    async with following(live, 0.02) as said:
        shutil.rmtree(own)
        await until(lambda: said)
        await asyncio.sleep(0.2)

    assert live.current is old
    (error,) = said
    assert (error["log_level"], error["version"]) == ("error", old.lexicon.version)
    assert "is not a folder" in error["problem"]


async def test_a_signal_makes_it_read_again_though_nothing_changed(own):
    live = LiveTagger(own)

    async with following(live, 0) as said:
        live.reload()
        await until(lambda: said)

    assert [line["event"] for line in said] == ["lexicon reloaded, unchanged"]


async def test_without_an_own_folder_the_lexicon_is_read_again_only_on_a_signal():
    live = LiveTagger(None)

    async with following(live, 0.02) as said:
        await asyncio.sleep(0.1)
        assert said == []
        live.reload()
        await until(lambda: said)


def test_a_mistake_at_the_start_ends_the_stage(own):
    (own / "material.toml").write_text("[broken\n")

    with pytest.raises(LexiconError, match=r"material\.toml:1: is not TOML"):
        LiveTagger(own)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, ".".join(["a"] * 20_000) + "=1"])
async def test_an_invalid_file_leaves_the_old_lexicon_in_place(own, text):
    live = LiveTagger(own)
    old = live.current
    async with following(live, 0.02) as said:
        (own / "hostile.toml").write_text(text)
        await until(lambda: said)
        assert live.current is old
        os.mkfifo(own / "pipe.toml")
        live.reload()
        await until(lambda: len(said) > 1)
        assert live.current is old
    assert all("not reloaded" in one["event"] for one in said)


async def test_an_unexpected_error_leaves_the_old_lexicon_in_place(own, monkeypatch):
    def unforeseen(_own: object) -> None:
        raise MemoryError

    live = LiveTagger(own)
    old = live.current
    monkeypatch.setattr("streams.wiring.live_tagger.load_lexicon", unforeseen)
    async with following(live, 0) as said:
        live.reload()
        await until(lambda: said)
    assert live.current is old
    assert said[0]["problem"] == "MemoryError"
