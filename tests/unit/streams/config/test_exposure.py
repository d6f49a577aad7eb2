"""No server of ours listens beyond this machine without a token, unless the settings name it."""

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.config.exposure import exposed

COMMANDS = {
    "ocr": ("ocr", "serve", "--engine", "scripted", "--by-uri"),
    "gateway": ("gateway",),
    "sandbox": ("klaviyo", "sandbox"),
    "metrics": ("lag", "exporter"),
}


@pytest.mark.parametrize("server", COMMANDS)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "ocr.shop.internal"])
def test_a_server_refuses_to_listen_for_anybody(server, host, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, [*COMMANDS[server], "--host", host, "--port", "0"], env={"HANGTAG_OCR_TOKEN": None})
    assert said.exit_code == 2
    assert f"Anyone who reaches {host} could" in said.stderr
    assert f"HANGTAG_OPEN_SERVERS, as '[\"{server}\"]'" in said.stderr


def test_a_stage_refuses_to_show_its_health_to_anybody():
    env = {"HANGTAG_HEALTH_HOST": "0.0.0.0", "HANGTAG_HEALTH_PORT": "8080"}
    said = CliRunner().invoke(app, ["worker", "tag"], env=env)
    assert said.exit_code == 2
    assert "could read health and metrics" in said.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_for_everyone_here(host):
    assert exposed("sandbox", host, ()) is None


def test_a_token_or_a_name_opens_a_server():
    assert exposed("ocr", "0.0.0.0", (), has_token=True) is None
    assert exposed("page", "0.0.0.0", ("page",)) is None
    assert exposed("page", "0.0.0.0", ("ocr",)) is not None
