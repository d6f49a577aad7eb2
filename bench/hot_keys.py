"""
How much of their throughput other shoppers keep while one id has a great share of the uploads.

One recognize stage on a real Kafka, with a reader that takes a fixed time for each photo and no processor. Uploads come
at a pace below what the stage can do. Prints a table and writes bench/results/hot_keys.json: uploads of the other
shoppers read a second, against the same number without a hot id.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be another file.
sys.path[:1] = [str(HERE.parent / "tests" / "kafka"), str(HERE / "contestants")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402 - after the path, as all imports here
from traffic import Upload, hear_all, publish, stage  # noqa: E402 - same

from schemas.topics import topics  # noqa: E402 - same
from streams.config.settings import Settings  # noqa: E402 - same

PARTITIONS = 12


def uploads(count: int, share: float) -> list[Upload]:
    """Make `count` uploads of which `share` belong to one id, spread evenly; the others to 500 shoppers."""
    made: list[Upload] = []
    owed = 0.0
    for number in range(count):
        owed += share
        hot = owed >= 1
        owed -= hot
        made.append(Upload(number, "kiosk" if hot else f"s{number % 500}", "slow-1300"))
    return made


async def others_per_s(bootstrap: str, share: float, per_s: float, seconds: float) -> float:
    """Feed a fresh stage for `seconds`, stop it, and return how many uploads of the others it read a second."""
    prefix = f"hot-{round(share * 100)}"
    settings = Settings(bootstrap_servers=bootstrap, topic_prefix=prefix, group_prefix=prefix)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(one.name, PARTITIONS) for one in topics(prefix).all()]).values():
        made.result()
    # The others come at the same pace in every run: the hot id's uploads come on top.
    pace = per_s / (1 - share)
    with tempfile.TemporaryDirectory() as folder, stage(settings, Path(folder)) as running:
        await asyncio.to_thread(running.await_said, "assigned")
        await publish(settings, uploads(round(pace * seconds), share), per_s=pace)
        read = await asyncio.to_thread(hear_all, settings)
    return sum(not upload_id.startswith("kiosk") for upload_id in read) / seconds


def main() -> None:
    """Run every share and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long uploads come, for each share")
    parser.add_argument("--per-s", type=float, default=4, help="uploads of the other shoppers a second")
    parser.add_argument("--shares", type=float, nargs="+", default=[0, 0.25, 0.5, 0.9])
    given = parser.parse_args()
    rows = []
    with KafkaCluster(1) as cluster:
        for share in given.shares:
            read = asyncio.run(others_per_s(cluster.bootstrap_servers, share, given.per_s, given.seconds))
            rows.append({"share": share, "others_per_s": round(read, 2)})
    table = Table("share of one id", "others read a second", "of the same without it")
    for row in rows:
        row["kept"] = round(row["others_per_s"] / rows[0]["others_per_s"], 3)
        table.add_row(f"{row['share']:.0%}", f"{row['others_per_s']}", f"{row['kept']}")
    Console().print(table)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "hot_keys.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
