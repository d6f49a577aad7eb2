"""`hangtag klaviyo sandbox` and `setup`, as their users start and stop them."""

import json
import signal
import subprocess
import sys

import httpx
import pytest

from klaviyo_sink.sandbox.server import listen
from streams.settings import child_environment

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


@pytest.mark.parametrize(("labels", "words"), [("ids", ["t-shirt", "cotton"]), ("zh", ["T恤", "棉"])])
def test_setup_names_properties_as_the_sync_stage_does(tmp_path, labels, words):
    sandbox = subprocess.Popen([*COMMAND, "sandbox", "--port", "0", "--key", "pk"], stdout=subprocess.PIPE, text=True)
    try:
        url = sandbox.stdout.readline().split()[-1]
        own = {"klaviyo_url": url, "klaviyo_key": "pk", "klaviyo_property_prefix": "wears_", "klaviyo_labels": labels}
        done = subprocess.run(
            [*COMMAND, "setup", "--json"],
            env=child_environment(**own),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert [one["done"] for one in json.loads(done.stdout)] == ["created", "missing", "created", "created"]
        headers = {"Authorization": "Klaviyo-API-Key pk", "revision": "2026-07-15"}
        with httpx.Client(trust_env=False, base_url=url, headers=headers) as http:
            [segment] = http.get("/api/segments").json()["data"]
    finally:
        sandbox.terminate()
        sandbox.wait(10)
        sandbox.stdout.close()
    conditions = [group["conditions"][0] for group in segment["attributes"]["definition"]["condition_groups"]]
    about = [(one["property"], one["filter"]["value"]) for one in conditions if one["type"] == "profile-property"]
    assert about == list(zip(["properties['wears_categories']", "properties['wears_materials']"], words, strict=True))
