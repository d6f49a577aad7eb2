"""Photos drawn for the tests, and the one RapidOCR instance that they share."""

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import httpx
import pi_heif
import pillow_heif
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.config import OcrConfig
from ocr_worker.engines.rapid.engine import RapidEngine
from ocr_worker.server.app import create_app

# What we ship only decodes HEIF. Photos of these tests are encoded by its larger sibling, which must not be shipped.
pillow_heif.register_heif_opener()
pi_heif.register_heif_opener()

LABEL = ("65% POLYESTER", "35% COTTON", "DO NOT BLEACH")
Draw = Callable[..., bytes]
Serve = Callable[[FastAPI], str]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draw a photo of print and save it; keywords go to Pillow's `save`."""

    def drawn(
        size=(800, 600),
        lines=LABEL,
        *,
        at=(60, 60),
        px=48,
        ink="black",
        paper="white",
        kind="JPEG",
        mode="RGB",
        turn=None,
        **save: object,
    ) -> bytes:
        image = Image.new("RGB", size, paper)
        canvas = ImageDraw.Draw(image)
        font = ImageFont.load_default(size=px)
        for row, line in enumerate(lines):
            canvas.text((at[0], at[1] + row * px * 1.6), line, font=font, fill=ink)
        if turn is not None:
            image = image.transpose(turn)
        out = BytesIO()
        image.convert(mode).save(out, kind, **save)
        return out.getvalue()

    return drawn


@pytest.fixture(scope="session")
def rapid() -> Iterator[RapidEngine]:
    """The real engine, once for all tests: its models take a second to load."""
    engine = RapidEngine(slots=2)
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an app with uvicorn on a free loopback port; returns its URL."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def served(app: FastAPI) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield served
    for server, thread in running:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def worker():
    """Open a worker in this very loop, its lifespan included, and give a client to it."""

    @asynccontextmanager
    async def opened(engine, config=None, on_ready=None, fetch=None) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(config or OcrConfig(), engine, on_ready, fetch)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
                yield client

    return opened


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate and its key for names such as `DNS:cdn.test` or `IP:127.0.0.1`; returns both files."""
    if shutil.which("openssl") is None:
        # A library that makes certificates would be a dependency for three tests.
        pytest.skip("certificates are made with openssl")

    def made(names: str) -> tuple[Path, Path]:
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        how = (
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        )
        what = ("-subj", "/CN=hangtag", "-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(cert))
        subprocess.run((*how, *what), check=True, capture_output=True)
        return cert, key

    return made


@pytest.fixture
def unused_port() -> int:
    """A loopback port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
