"""A worker with a token: it reads only for callers with the token, and never shows it."""

import secrets

import pytest
from pydantic import SecretStr
from worker_http import problem, upload

from ocr_worker.config import OcrConfig
from ocr_worker.engines.scripted import ScriptedEngine


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "Basic right", "right", "Bearer 密码"])
async def test_without_the_token_nothing_is_read(worker, draw, given: str | None):
    headers = {} if given is None else {"authorization": given.encode()}
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right"))) as client:
        answer = await client.post("/ocr", **upload(draw()), headers=headers)

    assert problem(answer, 401) == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("guess", ["righ", "right!", "r", "wrong", "x" * 1000])
async def test_every_guess_at_the_token_is_compared_whole_in_constant_time(worker, draw, monkeypatch, guess: str):
    """Through the function that the standard library has for it: what takes longer tells nothing."""
    compared: list[tuple[bytes, bytes]] = []
    honest = secrets.compare_digest

    def noted(given: bytes, wanted: bytes) -> bool:
        compared.append((given, wanted))
        return honest(given, wanted)

    monkeypatch.setattr(secrets, "compare_digest", noted)
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right"))) as client:
        answer = await client.post("/ocr", **upload(draw()), headers={"authorization": f"Bearer {guess}"})

    assert problem(answer, 401) == "unauthorized"
    assert compared == [(guess.encode(), b"right")]


async def test_with_the_token_the_photo_is_read(worker, draw):
    async with worker(ScriptedEngine(), OcrConfig(token=SecretStr("right"))) as client:
        answer = await client.post("/ocr", **upload(draw()), headers={"authorization": "Bearer right"})

    assert answer.status_code == 200


async def test_the_text_read_and_the_token_are_never_logged(worker, draw, capsys):
    config = OcrConfig(token=SecretStr("planted-token"))
    async with worker(ScriptedEngine(), config) as client:
        answer = await client.post("/ocr", **upload(draw()), headers={"authorization": "Bearer planted-token"})
        await client.post("/ocr", **upload(draw()), headers={"authorization": "Bearer planted-guess"})

    logged = "".join(capsys.readouterr())
    assert "lines=" in logged
    assert "planted" not in logged
    assert all(line["text"] not in logged for line in answer.json()["texts"])
