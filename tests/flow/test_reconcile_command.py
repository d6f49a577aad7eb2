"""`hangtag klaviyo reconcile` from the tags topic: compares in a dry run, then sets profiles and starts no flow."""

import asyncio
import json
import subprocess

import httpx
from sync_process import HANGTAG, publish, running, tagged

from schemas.events import Identity
from streams.config.settings import Settings, child_environment


def test_a_lost_database_is_rebuilt_and_profiles_are_set_only_when_it_is_no_dry_run(broker, tmp_path):
    settings = Settings(bootstrap_servers=broker.address, state_url=f"sqlite:///{tmp_path}/state.db")
    events = [tagged("u1", Identity(email="ada@shop.cn")), tagged("u2", Identity(external_id="s2"))]
    asyncio.run(publish(settings, events, b"no event"))
    with running(tmp_path / "sandbox.log", "klaviyo", "sandbox", "--port", "0", "--key", "pk_x") as sandbox:
        url = sandbox.stdout.readline().split()[-1]
        own = {"bootstrap_servers": broker.address, "state_url": settings.state_url.get_secret_value()}
        environment = child_environment(klaviyo_url=url, klaviyo_key="pk_x", **own)

        def reconcile(*more: str):
            command = [*HANGTAG, "klaviyo", "reconcile", "--json", *more]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
            assert ended.returncode == 0, ended.stderr
            return json.loads(ended.stdout)

        def at_klaviyo():
            state = httpx.get(f"{url}/sandbox/state", trust_env=False).json()
            materials = [one["properties"].get("outfit_materials") for one in state["profiles"]]
            return materials, len(state["events"])

        dry = reconcile("--dry-run")
        assert at_klaviyo() == ([], 0)
        assert not (tmp_path / "state.db").exists()
        real = reconcile()
        assert at_klaviyo() == ([["cotton"], ["cotton"]], 0)
        again = reconcile()
    shoppers = len({one.shopper_id for one in events})
    assert (dry["uploads"], dry["shoppers"], dry["mended"], dry["dry_run"]) == (2, shoppers, shoppers, True)
    assert dry | {"dry_run": False} == real
    assert (again["mended"], again["behind"], again["failed"]) == (0, 0, 0)
