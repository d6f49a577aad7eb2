"""Secrets come from files as well as from variables: Docker's and Kubernetes' way to hand them over."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError
from typer.testing import CliRunner

from streams.cli.main import app
from streams.config import secret_files
from streams.config.settings import Settings

KEY = "HANGTAG_KLAVIYO_KEY"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    monkeypatch.setenv("HANGTAG_SECRETS_DIR", str(mounted))
    return mounted


def test_every_setting_may_be_a_file_named_as_its_variable(folder):
    secrets = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    for name in secrets:
        (folder / f"HANGTAG_{name.upper()}").write_text(f"of {name}\n")
    (folder / "HANGTAG_OCR_URLS").write_text('["http://a:8000"]')
    (folder / "AWS_SECRET_ACCESS_KEY").write_text("another's")
    settings = Settings()
    assert {name: getattr(settings, name) for name in secrets} == {name: SecretStr(f"of {name}") for name in secrets}
    assert settings.ocr_urls == ("http://a:8000",)


def test_a_variable_wins_over_env_and_that_over_a_file(folder, monkeypatch):
    (folder / KEY).write_text("file")
    assert Settings().klaviyo_key == SecretStr("file")
    Path(".env").write_text(f"{KEY}=dotenv\n")
    assert Settings().klaviyo_key == SecretStr("dotenv")
    monkeypatch.setenv(KEY, "variable")
    assert Settings().klaviyo_key == SecretStr("variable")


def test_kubernetes_lays_links_and_they_are_followed(folder):
    version = folder / "..2026_01_01"
    version.mkdir()
    (version / KEY).write_text("linked")
    (folder / "..data").symlink_to(version.name)
    (folder / KEY).symlink_to(f"..data/{KEY}")
    assert Settings().klaviyo_key == SecretStr("linked")


def test_without_a_name_the_usual_folder_is_read_where_it_is_there(folder, monkeypatch):
    (folder / KEY).write_text("usual")
    monkeypatch.delenv("HANGTAG_SECRETS_DIR")
    monkeypatch.setattr(secret_files, "USUAL", folder)
    assert Settings().klaviyo_key == SecretStr("usual")
    monkeypatch.setattr(secret_files, "USUAL", folder / "nowhere")
    assert Settings().klaviyo_key is None


def test_a_named_folder_that_does_not_exist_is_reported(folder, monkeypatch):
    monkeypatch.setenv("HANGTAG_SECRETS_DIR", str(folder / "nowhere"))
    with pytest.raises(ValidationError, match="secrets_dir\n  Path does not point to a directory"):
        Settings()


def test_an_unreadable_file_is_reported_with_its_setting(folder):
    (folder / KEY).write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match='field "klaviyo_key" from source "SecretFiles"'):
        Settings()


UNFIT = {"pipe": os.mkfifo, "folder": Path.mkdir, "large": lambda path: path.write_bytes(b"x" * 100_001)}


@pytest.mark.parametrize("make", UNFIT.values(), ids=UNFIT)
def test_a_secret_that_is_no_regular_file_is_reported_and_does_not_block(folder, make):
    make(folder / KEY)
    said = CliRunner().invoke(app, ["topics", "list"])
    assert said.exit_code == 2
    assert said.stderr.startswith(f"{KEY}: ")
    assert len(said.stderr.splitlines()) == 1
