"""The tag stage takes up a changed lexicon while events flow: none is lost, and a broken one changes nothing."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from recognized import publish, recognized

from schemas.codec import decode
from schemas.events import OutfitTagged
from streams.config.settings import Settings, child_environment
from streams.kafka.reader import follow
from streams.wiring.kafka import make_emitter, make_topics

BEFORE = '[cotton]\nwords = ["云感棉"]\n'
AFTER = BEFORE + 'without = ["棉质"]\n\n[cloud-cotton]\nen = "Cloud cotton"\nzh = "云感棉"\nwords = ["云朵棉"]\n'
BROKEN = BEFORE + '\n[cloud-cotton]\nen = "Cloud cotton"\nzh = "云感棉"\nwordz = ["云朵棉"]\n'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own lexicon 词库"
    folder.mkdir()
    (folder / "material.toml").write_text(BEFORE, encoding="utf-8")
    return folder


class Worker:
    """`hangtag worker …` as a process, and what it says in its log."""

    def __init__(self, log: Path, stage: str, **settings: object) -> None:
        self._log = log
        with log.open("wb") as stderr:
            command = [sys.executable, "-m", "streams", "worker", stage]
            self.process = subprocess.Popen(
                command, env=child_environment(log_format="json", **settings), stderr=stderr
            )

    def said(self, event: str) -> list[dict]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(60):
                while not condition():
                    assert self.process.poll() is None, self._log.read_text()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(self._log.read_text()) from None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@dataclass
class Traffic:
    """Uploads until `going` is false, each with the same text."""

    settings: Settings
    sent: int = 0
    going: bool = True

    async def flow(self) -> None:
        emitter = make_emitter(self.settings)
        try:
            while self.going:
                upload = recognized(f"u{self.sent}", "棉质衬衫 云朵棉", shopper_id=f"s{self.sent % 7}")
                await publish(emitter, self.settings, upload)
                self.sent += 1
                await asyncio.sleep(0.01)
        finally:
            await emitter.aclose()

    def tagged(self) -> list[OutfitTagged]:
        topic = make_topics(self.settings).tags.name
        return [decode(OutfitTagged, seen.value) for seen in follow(self.settings, [topic])]


@pytest.mark.parametrize("way", ["file change", "SIGHUP"])
async def test_the_stage_loads_a_changed_lexicon_and_loses_no_event(broker, tmp_path, own, way):
    worker = Worker(
        tmp_path / "log",
        # The signal goes to the parent of all stages: it must reach this one, and end none.
        "tag" if way == "file change" else "all",
        bootstrap_servers=broker.address,
        lexicon=own,
        lexicon_poll_s=0.1 if way == "file change" else 0,
        # Klaviyo has no part in this.
        klaviyo_url="http://127.0.0.1:9",
        state_url=f"sqlite:///{tmp_path / 'state.db'}",
    )

    def change(text: str) -> None:
        (own / "material.toml").write_text(text, encoding="utf-8")
        if way == "SIGHUP":
            worker.process.send_signal(signal.SIGHUP)

    traffic = Traffic(Settings(bootstrap_servers=broker.address))
    flowing = asyncio.create_task(traffic.flow())
    try:
        stages = 1 if way == "file change" else 3
        await worker.until(lambda: len(worker.said("assigned")) >= stages and traffic.sent > 50)
        change(AFTER)
        await worker.until(lambda: bool(worker.said("lexicon reloaded")))
        change(BROKEN)
        await worker.until(lambda: bool(worker.said("lexicon not reloaded, the old one stays")))
        more = traffic.sent + 50
        await worker.until(lambda: traffic.sent >= more)
        traffic.going = False
        await flowing
        await worker.until(lambda: len(traffic.tagged()) >= traffic.sent)
        assert worker.stop() == 0
    finally:
        flowing.cancel()
        worker.process.kill()
        worker.process.wait()

    events = traffic.tagged()
    assert Counter(event.upload_id for event in events) == Counter(f"u{at}" for at in range(traffic.sent))
    (reloaded,) = worker.said("lexicon reloaded")
    assert {event.lexicon_version: {tag.id for tag in event.tags} for event in events} == {
        reloaded["old"]: {"material/cotton", "category/shirt"},
        reloaded["version"]: {"material/cloud-cotton", "category/shirt"},
    }
    (refused,) = worker.said("lexicon not reloaded, the old one stays")
    assert refused["problem"].startswith(f"{own / 'material.toml'}:7: [cloud-cotton] there is no field 'wordz'")
    assert refused["version"] == reloaded["version"]
    assert not worker.said("child ended, restarting it")


@pytest.mark.parametrize("command", [["worker", "tag"], ["rules", "tag", "棉"], ["rules", "check"], ["retag"]])
def test_a_mistake_in_the_lexicon_is_reported_with_file_and_line(own, tmp_path, command):
    (own / "material.toml").write_text("[cotton\n")
    done = subprocess.run(
        [sys.executable, "-m", "streams", *command],
        env=child_environment(lexicon=own, bootstrap_servers="127.0.0.1:9"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert f"{own / 'material.toml'}:1: is not TOML" in done.stderr
    assert "Traceback" not in done.stderr
