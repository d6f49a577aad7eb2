"""`hangtag klaviyo sandbox`, as its users start and stop it."""

import signal
import subprocess
import sys

import httpx
import pytest

from klaviyo_sink.sandbox.server import listen

COMMAND = [sys.executable, "-W", "error", "-c", "from streams.cli.klaviyo import app; app()"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_tells_its_address_serves_there_and_stops(stop):
    started = subprocess.Popen(
        [*COMMAND, "sandbox", "--port", "0", "--key", "pk_mine"], stdout=subprocess.PIPE, text=True
    )
    try:
        line = started.stdout.readline()
        assert line.startswith("Klaviyo sandbox ready on http://127.0.0.1:")
        url = line.split()[-1]
        headers = {"Authorization": "Klaviyo-API-Key pk_mine", "revision": "2026-07-15"}
        with httpx.Client(trust_env=False, base_url=url) as http:
            assert http.get("/api/profiles", headers=headers).json()["data"] == []
            assert "Klaviyo sandbox" in http.get("/").text
        started.send_signal(stop)
        started.wait(10)
    finally:
        started.kill()
        started.stdout.close()
        started.wait()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_a_taken_port_is_said_in_one_line():
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "sandbox", "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stdout + done.stderr
