"""`hangtag klaviyo sandbox` and `setup`, as their users start and stop them."""

import json
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from klaviyo_sink.account.campaigns import EXAMPLE
from klaviyo_sink.sandbox.server import listen
from streams.config.settings import child_environment

COMMAND = [sys.executable, "-W", "error", "-m", "streams", "klaviyo"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_prints_its_address_serves_there_and_stops(stop):
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


def test_a_port_in_use_ends_the_command_with_one_line():
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "sandbox", "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stdout + done.stderr


def test_a_repeated_canary_exports_the_time_it_was_last_seen():
    sandbox = subprocess.Popen([*COMMAND, "sandbox", "--port", "0", "--key", "pk"], stdout=subprocess.PIPE, text=True)
    url = sandbox.stdout.readline().split()[-1]
    before = time.time()
    canary = subprocess.Popen(
        [*COMMAND, "canary", "--email", "canary@shop.cn", "--every", "1", "--limit-s", "20", "--port", "0"],
        env=child_environment(klaviyo_url=url, klaviyo_key="pk", log_format="json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def told(name: str) -> float:
        text = httpx.get(metrics, trust_env=False).text
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])

    def until(name: str) -> float:
        while not (value := told(name)):
            assert time.time() < before + 60
            time.sleep(0.1)
        return value

    try:
        metrics = canary.stdout.readline().split()[-1]
        assert before <= until("hangtag_canary_seen_timestamp_seconds") <= time.time()
        assert told('hangtag_canaries_total{outcome="missing"}') == 0
        with httpx.Client(base_url=url, trust_env=False) as http:
            http.post("/sandbox/faults", json={"faults": [{"status": 401}]}).raise_for_status()
        until('hangtag_canaries_total{outcome="missing"}')
        canary.send_signal(signal.SIGTERM)
        _, log = canary.communicate(timeout=10)
        assert canary.returncode == 0
        assert {json.loads(line)["event"] for line in log.splitlines()} == {"canary seen", "canary missing"}
        assert "canary@shop.cn" not in log
    finally:
        for process in (canary, sandbox):
            process.kill()
            process.wait()
            process.stdout.close()
        canary.stderr.close()


def test_setup_names_an_impossible_tag_before_it_makes_anything(tmp_path):
    misspelt = EXAMPLE.replace("material/cotton", "material/cottn").replace("category/t-shirt", "interest/office")
    (tmp_path / "campaigns.toml").write_text(misspelt, encoding="utf-8")
    environment = child_environment(klaviyo_url="no-such-protocol://x", klaviyo_key="pk")
    command = [*COMMAND, "setup", "campaigns.toml"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Cotton T-shirts: the lexicon has no tag material/cottn, so nothing will trigger")
    assert "interest/office" not in done.stderr


def test_a_stage_with_an_invalid_state_database_ends_with_one_line(tmp_path):
    (tmp_path / "state.db").write_bytes(b"not a database " * 100)
    environment = child_environment(state_url=f"sqlite:///{tmp_path}/state.db")
    command = [sys.executable, "-m", "streams", "worker", "sync"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    [line] = (done.stdout + done.stderr).splitlines()
    assert "HANGTAG_STATE_URL: the state database cannot be used: file is not a database" in line


@pytest.mark.parametrize(("labels", "words"), [("ids", ["t-shirt", "sustainable"]), ("zh", ["T恤", "可持续消费"])])
def test_setup_names_properties_as_the_sync_stage_does(tmp_path, labels, words):
    campaigns = tmp_path / "campaigns.toml"
    campaigns.write_text(EXAMPLE.replace("material/cotton", "interest/sustainable"), encoding="utf-8")
    sandbox = subprocess.Popen([*COMMAND, "sandbox", "--port", "0", "--key", "pk"], stdout=subprocess.PIPE, text=True)
    try:
        url = sandbox.stdout.readline().split()[-1]
        own = {"klaviyo_url": url, "klaviyo_key": "pk", "klaviyo_property_prefix": "wears_", "klaviyo_labels": labels}
        done = subprocess.run(
            [*COMMAND, "setup", "campaigns.toml", "--json"],
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
    assert about == list(zip(["properties['wears_categories']", "properties['wears_interests']"], words, strict=True))
