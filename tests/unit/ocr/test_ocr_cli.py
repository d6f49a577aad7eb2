"""`hangtag ocr` as its users run it, with the scripted engine."""

import asyncio
import json
import re
import shutil
import signal
import ssl
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from ocr_worker.pool import OcrPool, Surroundings
from ocr_worker.reading import Reading
from ocr_worker.stand_in import StandIn, stand_in_app
from schemas.outcomes import Later
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


def test_vllm_prints_the_pinned_command_and_the_licence_s_limits():
    result = runner.invoke(app, ["vllm", "--port", "8101"])

    assert result.exit_code == 0
    assert result.stdout.startswith("vllm serve tencent/HunyuanOCR --revision 9e01f897bf8956f77a80c350dc0491d6bbbd43e6")
    assert "South Korea" in result.stderr


def test_vllm_refuses_weights_that_can_move():
    assert runner.invoke(app, ["vllm", "--revision", "main"]).exit_code == 2


def fake_vllm(folder, version: str) -> str:
    """A program that tells its version, and otherwise what it was started with."""
    program = folder / "vllm"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "INFO starting\n{version}" || echo "ran $*"\n')
    program.chmod(0o755)
    return str(program)


def test_vllm_exec_becomes_the_server(tmp_path):
    done = subprocess.run(
        (*COMMAND, "vllm", "--exec", "--vllm", fake_vllm(tmp_path, "0.32.0")),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("ran serve tencent/HunyuanOCR --revision")


@pytest.mark.parametrize("version", ["0.12.0", "0.29.0", "0.20.1"])
def test_vllm_exec_refuses_releases_that_mix_or_break(tmp_path, version):
    result = runner.invoke(app, ["vllm", "--exec", "--vllm", fake_vllm(tmp_path, version)])

    assert result.exit_code == 1
    assert "0.30 or later" in result.stderr


def test_vllm_exec_without_vllm_says_so(tmp_path):
    result = runner.invoke(app, ["vllm", "--exec", "--vllm", str(tmp_path / "nothing")])

    assert result.exit_code == 1
    assert "Cannot run" in result.stderr


async def test_the_hunyuan_engine_reads_through_the_server_it_is_pointed_at(serve, tmp_path, draw):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(draw())
    url = serve(stand_in_app(StandIn(key="right")))

    result = await asyncio.to_thread(
        runner.invoke,
        app,
        ["read", "--engine", "hunyuan", "--json", str(photo)],
        env={"HANGTAG_OCR_VLLM_KEY": "right", "HANGTAG_OCR_VLLM_URL": url},
    )

    assert result.exit_code == 0
    read = json.loads(result.stdout)
    assert read["texts"][0]["text"].startswith("photo ")
    assert read["engine"]["revision"].endswith("vllm-0.32.0")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_worker_speaks_https_to_a_pool_that_knows_its_certificate(tmp_path, draw):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert))
    subprocess.run((*made, *names), check=True, capture_output=True)
    tls = ("--tls-cert", str(cert), "--tls-key", str(key))
    with subprocess.Popen(
        (*COMMAND, "serve", "--port", "0", "--engine", "scripted", *tls), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]

        async def read(around: Surroundings):
            async with OcrPool([url], None, 1, 4, around) as pool:
                return await pool.read(draw((80, 60), ()))

        trusted = asyncio.run(read(Surroundings(tls=ssl.create_default_context(cafile=cert))))
        distrusted = asyncio.run(read(Surroundings()))
        process.send_signal(signal.SIGTERM)
        process.wait(15)

    assert url.startswith("https://")
    assert isinstance(trusted, Reading)
    assert isinstance(distrusted, Later)
