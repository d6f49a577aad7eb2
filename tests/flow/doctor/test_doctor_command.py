"""`hangtag doctor` without a fault, with a check that hangs, and as a command."""

import json
import socket

from doctor_world import complaints
from typer.testing import CliRunner

from streams.cli.main import app
from streams.config.settings import child_environment
from streams.operations.doctor import examine


async def test_a_sound_world_gives_no_complaint_and_nothing_stays_behind_in_the_store(settings, tmp_path):
    assert await complaints(settings) == {}
    assert list((tmp_path / "photos").iterdir()) == []


async def test_a_hanging_check_does_not_delay_the_others(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = settings.model_copy(update={"klaviyo_url": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        found = [line async for line in examine(hanging, only=("klaviyo", "broker", "store"), patience_s=1.5)]
    assert found[-1].name == "klaviyo", "the others' lines are told before"
    told = {line.name: (line.status, line.finding) for line in found}
    assert told["klaviyo"] == ("fail", "no result within 1.5 s")
    assert {told["broker"][0], told["store"][0]} == {"ok"}


def test_the_json_output_and_the_exit_code_report_a_failed_check(settings):
    def doctor(*arguments: str, **changed: str) -> tuple[int, list[dict[str, str]]]:
        told = CliRunner().invoke(app, ["doctor", "--json", *arguments], env=child_environment(**changed))
        return told.exit_code, [json.loads(line) for line in told.stdout.splitlines()]

    code, lines = doctor("files", "store", store_url=settings.store_url)
    assert (code, [line["status"] for line in lines]) == (0, ["ok", "ok"])
    code, lines = doctor("lexicon", lexicon="/nowhere")
    assert (code, [(line["name"], line["status"]) for line in lines]) == (1, [("lexicon", "fail")])
