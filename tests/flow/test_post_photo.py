"""The programs of examples/ post a photo to a real gateway, each where its language is installed."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from example_programs import LANGUAGES, command, missing

from streams.config.settings import child_environment

PHOTO = Path(__file__).parents[2] / "samples" / "photos" / "hang-tag-zh.jpg"
TOKEN = "planted"


@pytest.fixture
def gateway(broker, tmp_path) -> Iterator[str]:
    """Start a gateway, and return its URL."""
    environment = child_environment(
        bootstrap_servers=broker.address,
        store_url=f"file:{tmp_path}",
        state_url=f"sqlite:///{tmp_path}/state.db",
        gateway_port=0,
        gateway_token=TOKEN,
    )
    with subprocess.Popen(
        [sys.executable, "-m", "streams", "gateway"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def test_each_language_posts_a_photo_and_a_second_post_is_the_same_upload(gateway, monkeypatch):
    lacking = {language: missing(language, "post_photo") for language in LANGUAGES}
    monkeypatch.setenv("HANGTAG_GATEWAY_TOKEN", TOKEN)
    for language in LANGUAGES:
        if lacking[language] is None:
            words = [*command(language, "post_photo"), gateway, str(PHOTO), f"shopper-{language}", "order-7-photo-1"]
            done = [subprocess.run(words, capture_output=True, text=True, check=False, timeout=60) for _ in range(2)]
            assert [one.returncode for one in done] == [0, 0], done[0].stderr + done[1].stderr
            first, second = (one.stdout.strip() for one in done)
            assert first == second
            status = httpx.get(f"{gateway}/uploads/{first}", headers={"Authorization": f"Bearer {TOKEN}"})
            assert status.json()["upload_id"] == first
    if any(lacking.values()):
        pytest.skip("; ".join(f"post_photo in {name} was not run: {why}" for name, why in lacking.items() if why))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_token_ends_the_program_with_the_gateways_answer(language, gateway, monkeypatch):
    if trouble := missing(language, "post_photo"):
        pytest.skip(f"post_photo in {language} was not run: {trouble}")
    monkeypatch.setenv("HANGTAG_GATEWAY_TOKEN", "wrong")
    words = [*command(language, "post_photo"), gateway, str(PHOTO), "shopper-1", "order-7-photo-1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "401" in done.stderr


class LosesSome(BaseHTTPRequestHandler):
    """A gateway that loses the first connection before its answer, the second within it, and accepts the third."""

    requests = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).requests += 1
        if self.requests == 1:
            self.close_connection = True
            return
        body = b'{"upload_id": "u-1"}'
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:9] if self.requests == 2 else body)
        self.close_connection = True


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lost_connection_is_no_reason_to_give_up(language, monkeypatch):
    if trouble := missing(language, "post_photo"):
        pytest.skip(f"post_photo in {language} was not run: {trouble}")
    monkeypatch.setenv("HANGTAG_GATEWAY_TOKEN", TOKEN)
    LosesSome.requests = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), LosesSome) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        words = [*command(language, "post_photo"), f"http://127.0.0.1:{server.server_port}", str(PHOTO), "s", "key"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        server.shutdown()
    assert (done.returncode, done.stdout.strip()) == (0, "u-1"), done.stderr
    assert LosesSome.requests == 3
