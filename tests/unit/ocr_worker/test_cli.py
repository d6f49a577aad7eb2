"""`hangtag ocr` as its users run it, with the scripted engine."""

import asyncio
import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from ocr_worker.engines.vllm.stand_in import StandIn, stand_in_app
from ocr_worker.result import Reading
from schemas.outcomes import Later
from streams.cli.main import app
from streams.config.settings import Settings, child_environment
from streams.wiring.ocr import make_pool

runner = CliRunner()
COMMAND = (sys.executable, "-m", "streams", "ocr")


def test_read_prints_one_json_line_per_photo_and_ends_1_when_one_is_refused(tmp_path, draw):
    good, bad = tmp_path / "白 裙子.jpg", tmp_path / "bad.jpg"
    good.write_bytes(draw())
    bad.write_bytes(b"text")

    result = runner.invoke(app, ["ocr", "read", "--engine", "scripted", "--json", str(good), str(bad)])

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

    result = runner.invoke(app, ["ocr", "read", "--engine", "scripted", str(photo)])

    assert result.exit_code == 0
    assert "0.99" in result.stdout
    assert "ok" in result.stdout


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [("HANGTAG_OCR_EXTRA_MODELS", ".", "contains no model"), ("HANGTAG_OCR_TESSERACT", "xyz", "tesseract")],
)
def test_a_reader_that_cannot_be_opened_ends_with_one_line(tmp_path, monkeypatch, draw, setting, value, finding):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(setting, value)
    (tmp_path / "photo.jpg").write_bytes(draw())

    result = runner.invoke(app, ["ocr", "read", "photo.jpg"])

    assert result.exit_code == 2, result.output
    assert finding in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@contextmanager
def serving(*options: str, **settings: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a worker until the block ends; gives it and its URL."""
    command = (*COMMAND, "serve", "--port", "0", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment(**settings)) as process:
        assert process.stdout is not None
        ready = re.fullmatch(r"OCR worker ready on (https?://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert ready is not None
        yield process, ready[1]
        process.send_signal(signal.SIGTERM)
        process.wait(15)
    assert process.returncode in {0, -signal.SIGTERM}


async def turned_away(url: str) -> None:
    """Connect again and again until the server refuses."""
    try:
        while True:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as newcomer:
                await newcomer.get("/healthz")
    except httpx.TransportError:
        return


def test_a_worker_says_when_it_is_ready_serves_and_stops_on_sigterm(draw):
    with serving("--engine", "scripted") as (_, url), httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/readyz").status_code == 200
        assert client.post("/ocr", files={"image": draw()}).status_code == 200


async def test_on_sigterm_a_worker_finishes_the_photo_it_has_takes_no_more_and_ends(serve, draw):
    """The model server keeps the photo until the worker got the signal to stop and refuses new photos."""
    behaviour = StandIn()
    model_server = serve(stand_in_app(behaviour))
    with serving("--engine", "hunyuan", ocr_vllm_url=model_server) as (process, url):
        behaviour.seconds = 2.0
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client, asyncio.timeout(30):
            held = asyncio.create_task(client.post("/ocr", files={"image": draw()}))
            while not behaviour.running:
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            await turned_away(url)
            assert behaviour.running
            answer = await held

    assert answer.status_code == 200


def test_vllm_prints_the_pinned_command_and_the_licence_s_limits():
    result = runner.invoke(app, ["ocr", "vllm", "--port", "8101"])

    assert result.exit_code == 0
    assert result.stdout.startswith("vllm serve tencent/HunyuanOCR --revision 9e01f897bf8956f77a80c350dc0491d6bbbd43e6")
    assert "South Korea" in result.stderr


def test_vllm_refuses_weights_that_can_move():
    assert runner.invoke(app, ["ocr", "vllm", "--revision", "main"]).exit_code == 2


def fake_vllm(folder, version: str, transformers: str) -> str:
    """A vllm command that says its version or what it was started with, and a Python beside it."""
    program, python = folder / "vllm", folder / "python"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "INFO starting\n{version}" || echo "ran $* with $VLLM_API_KEY"\n'
    )
    python.write_text(f"#!/bin/sh\necho {transformers}\n")
    program.chmod(0o755)
    python.chmod(0o755)
    return str(program)


def exec_vllm(*arguments: str, key: str = "a key") -> subprocess.CompletedProcess[str]:
    environment = child_environment(ocr_vllm_key=key)
    command = (*COMMAND, "vllm", "--exec", "--vllm", *arguments)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("version", "transformers"), [("0.28.0", "5.19.0"), ("0.33.0", "5.20.2")])
def test_vllm_exec_becomes_the_server_with_our_key(tmp_path, version, transformers):
    done = exec_vllm(fake_vllm(tmp_path, version, transformers))

    assert done.stdout.startswith("ran serve tencent/HunyuanOCR --revision")
    assert done.stdout.rstrip().endswith("with a key")


@pytest.mark.parametrize(
    ("version", "transformers"),
    [("0.12.0", "4.57.0"), ("0.29.0", "5.20.2"), ("0.32.0", "5.19.0"), ("0.33.0", "5.20.0")],
)
def test_vllm_exec_refuses_what_is_known_to_mix_or_break(tmp_path, version, transformers):
    done = exec_vllm(fake_vllm(tmp_path, version, transformers))

    assert done.returncode == 1
    assert "install vllm==0.33.0 with transformers==5.20.2" in done.stderr


def test_vllm_exec_without_a_key_is_refused(tmp_path):
    done = exec_vllm(fake_vllm(tmp_path, "0.33.0", "5.20.2"), key="")

    assert (done.returncode, "HANGTAG_OCR_VLLM_KEY" in done.stderr) == (2, True)


def test_vllm_exec_without_vllm_ends_with_one_line(tmp_path):
    done = exec_vllm(str(tmp_path / "nothing"))

    assert (done.returncode, "Cannot run" in done.stderr) == (1, True)


async def test_the_hunyuan_engine_reads_through_the_server_it_is_pointed_at(serve, tmp_path, draw):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(draw())
    url = serve(stand_in_app(StandIn(key="right")))

    result = await asyncio.to_thread(
        runner.invoke,
        app,
        ["ocr", "read", "--engine", "hunyuan", "--json", str(photo)],
        env={"HANGTAG_OCR_VLLM_KEY": "right", "HANGTAG_OCR_VLLM_URL": url},
    )

    assert result.exit_code == 0
    read = json.loads(result.stdout)
    assert read["texts"][0]["text"].startswith("photo ")
    assert read["engine"]["revision"].endswith("vllm-0.28.0")


@pytest.mark.parametrize(
    ("environment", "options", "says"),
    [
        ({}, ("--tls-key", "key.pem"), "needs a certificate"),
        ({"HANGTAG_OCR_TLS_KEY": "key.pem"}, (), "needs a certificate"),
        ({"HANGTAG_OCR_TLS_CERT": "none.pem"}, (), "Cannot use the TLS certificate none.pem"),
        ({"HANGTAG_OCR_URI_ROOTS": '["cdn.test"]'}, (), "cannot allow photos below cdn.test"),
    ],
)
def test_a_worker_does_not_start_less_safe_than_configured(environment, options, says):
    result = runner.invoke(app, ["ocr", "serve", "--port", "0", "--engine", "scripted", *options], env=environment)

    assert result.exit_code == 2
    assert says in result.stderr


def test_the_certificate_may_come_from_the_settings(certificate):
    cert, key = certificate("IP:127.0.0.1")
    tls = ssl.create_default_context(cafile=cert)
    with (
        serving("--engine", "scripted", ocr_tls_cert=cert, ocr_tls_key=key) as (_, url),
        httpx.Client(verify=tls, trust_env=False) as client,
    ):
        assert url.startswith("https://")
        assert client.get(f"{url}/healthz").status_code == 200


def test_a_worker_speaks_https_to_a_pool_that_knows_its_certificate(certificate, draw):
    cert, key = certificate("IP:127.0.0.1")
    with serving("--engine", "scripted", "--tls-cert", str(cert), "--tls-key", str(key)) as (_, url):

        async def read(ca: Path | None):
            async with make_pool(Settings(ocr_urls=(url,), ocr_tls_ca=ca, ocr_timeout_s=5)) as pool:
                return await pool.read(draw((80, 60), ()))

        trusted, distrusted = asyncio.run(read(cert)), asyncio.run(read(None))

    assert url.startswith("https://")
    assert isinstance(trusted, Reading)
    assert isinstance(distrusted, Later)
