"""`hangtag ocr` as its users run it, with the scripted engine."""

import json
import re
import signal
import subprocess
import sys

import httpx
from typer.testing import CliRunner

from streams.cli.ocr import app

runner = CliRunner()
COMMAND = (sys.executable, "-c", "from streams.cli.ocr import app; app()")


def test_read_prints_one_json_line_per_photo_and_ends_1_when_one_is_refused(tmp_path, draw):
    good, bad = tmp_path / "白 裙子.jpg", tmp_path / "bad.jpg"
    good.write_bytes(draw())
    bad.write_bytes(b"text")

    result = runner.invoke(app, ["read", "--engine", "scripted", "--json", str(good), str(bad)])

    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first["photo"] == "白 裙子.jpg"
    assert first["texts"][0]["text"].startswith("photo ")
    assert second == {
        "photo": "bad.jpg",
        "refused": {"code": "unsupported", "message": second["refused"]["message"]},
    }
    assert result.exit_code == 1


def test_read_prints_a_table_and_the_verdict(tmp_path, draw):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(draw())

    result = runner.invoke(app, ["read", "--engine", "scripted", str(photo)])

    assert result.exit_code == 0
    assert "0.99" in result.stdout
    assert "ok" in result.stdout


def test_a_worker_says_when_it_is_ready_serves_and_stops_on_sigterm(draw):
    with subprocess.Popen(
        (*COMMAND, "serve", "--port", "0", "--engine", "scripted"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = re.fullmatch(r"OCR worker ready on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert url is not None
        with httpx.Client(base_url=url[1], trust_env=False) as client:
            assert client.get("/readyz").status_code == 200
            assert client.post("/ocr", files={"image": draw()}).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.wait(15)

    assert process.returncode in {0, -signal.SIGTERM}
