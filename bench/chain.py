"""
What an upload costs in the three stages, and how well one process keeps OCR workers busy, on a real Kafka.

- Three stages one after the other over the same uploads: CPU per event, without OCR and Klaviyo.
- `recognize` with its real store and HTTP pool against a stand-in of 64 slots x 250 ms: share of the slots busy.

Prints a table, writes bench/results/chain.json.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from rich.console import Console

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be bench/streams.py.
sys.path[:1] = [str(HERE.parent / "tests" / "kafka"), str(HERE / "contestants")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from lanes import Lane, race  # noqa: E402 - same

from streams.config.settings import child_environment  # noqa: E402 - same

SLOTS = 64
PHOTO_BYTES = 150_000


def ours(lane: Lane, stage: str) -> list[str]:
    """Return the command of one of our stages."""
    return [sys.executable, "ours.py", lane.bootstrap, lane.topics.uploads.name, "-", lane.prefix, stage]


def stages(bootstrap: str, events: int) -> list[dict[str, float | str]]:
    """Measure the three stages, each over what the one before it wrote."""
    lane = Lane(bootstrap, events)
    steps = (("pass-through", lane.topics.texts), ("tag", lane.topics.tags), ("sync", lane.topics.profiles))
    return [race(stage, ours(lane, stage), lane, target=topic.name) for stage, topic in steps]


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU seconds a process has used."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def busy_slots(bootstrap: str, photos: int) -> dict[str, float | str]:
    """Measure how busy one recognize process keeps an OCR worker of 64 slots."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        (Path(folder) / "photo.jpg").write_bytes(b"\xff" * PHOTO_BYTES)
        url = f"http://127.0.0.1:{port}"
        stand_in = subprocess.Popen([sys.executable, "ocr_stand_in.py", str(port)], cwd=HERE / "contestants")
        try:
            lane = Lane(bootstrap, photos, uri=(Path(folder).resolve() / "photo.jpg").as_uri())
            environment = child_environment(
                ocr_urls=json.dumps([url]), store_url=f"file:{folder}", in_flight=SLOTS * 2, pending=1024, span=2048
            )
            process = subprocess.Popen(ours(lane, "recognize"), cwd=HERE / "contestants", env=environment)
            try:
                while lane.done() < SLOTS * 2:
                    time.sleep(0.05)
                first, used = httpx.get(f"{url}/stats").json(), cpu_s(process)
                while lane.done() < photos - SLOTS * 2:
                    time.sleep(0.05)
                last, used = httpx.get(f"{url}/stats").json(), cpu_s(process) - used
            finally:
                process.kill()
                process.wait()
        finally:
            stand_in.kill()
            stand_in.wait()
    wall = last["now"] - first["now"]
    return {
        "name": "recognize over HTTP",
        "photos_per_s": round((last["done"] - first["done"]) / wall, 1),
        "cpu_ms_per_photo": round(used / (last["done"] - first["done"]) * 1000, 2),
        "slots_busy": round((last["busy_s"] - first["busy_s"]) / (wall * SLOTS), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--photos", type=int, default=5_000)
    arguments = parser.parse_args()
    with KafkaCluster(1) as cluster:
        rows = [*stages(cluster.bootstrap_servers, arguments.events)]
        total = sum(float(row.get("cpu_ms_per_event", "nan")) for row in rows)
        rows += [{"name": "three stages", "cpu_ms_per_upload": round(total, 3)}]
        rows += [busy_slots(cluster.bootstrap_servers, arguments.photos)]
    for row in rows:
        Console().print(row)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "chain.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
