"""
How fast a stage is, beside its peers, in one run on a real Kafka of this machine.

Every contestant does the same job (bench/contestants/job.py) on the same messages, and commits only
what was delivered. Prints a table, writes bench/results/streams.json. Others take part when a variable names a Python
that has them, for their requirements clash: BENCH_QUIX_PYTHON (Quix Streams), BENCH_PROSODY_PYTHON (prosody-events),
BENCH_PYRALLEL_PYTHON (pyrallel-consumer, Python 3.12). Those need confluent-kafka and pydantic beside them:

    python3.12 -m venv /tmp/pyrallel && /tmp/pyrallel/bin/pip install pyrallel-consumer==1.0.0
    python3 -m venv /tmp/prosody && /tmp/prosody/bin/pip install prosody-events==0.6.1 confluent-kafka pydantic

prosody-events needs a Cassandra too (PROSODY_CASSANDRA_NODES). Each contestant's docstring says where its guarantees
are less than ours.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# In place of this folder, where `streams` would be this file.
sys.path[:1] = [str(HERE.parent / "tests" / "kafka"), str(HERE / "contestants")]

from cluster import KafkaCluster  # noqa: E402 - found through the line above
from lanes import Lane, race  # noqa: E402 - same

from schemas.topics import topics  # noqa: E402 - same

#: Contestants in an environment of their own, and the variable that names its Python.
OTHERS = {
    "quix": "BENCH_QUIX_PYTHON",
    "prosody_events": "BENCH_PROSODY_PYTHON",
    "pyrallel": "BENCH_PYRALLEL_PYTHON",
}


def main() -> None:
    """Run every contestant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", help="one contestant alone, such as ours")
    parser.add_argument("--transactions", action="store_true", help="publish each upload in a transaction of its own")
    arguments = parser.parse_args()
    python = dict.fromkeys(("ours", "faust_plain", "aiokafka_batch", "confluent_batch"), sys.executable)
    for name, variable in OTHERS.items():
        if named := os.environ.get(variable):  # noqa: TID251 - a switch of the bench
            python[name] = named
    if arguments.only:
        python = {arguments.only: python[arguments.only]}
    rows = []
    with KafkaCluster(1) as cluster:
        for round_number in range(arguments.rounds):
            for name, executable in python.items():
                lane = Lane(cluster.bootstrap_servers, arguments.events, transactions=arguments.transactions)
                names = topics(lane.prefix)
                command = [executable, f"{name}.py", lane.bootstrap, names.uploads.name, names.texts.name, lane.prefix]
                # Another Python finds our schemas here; our own finds the wheel.
                path = {"PYTHONPATH": str(HERE.parent)} if name in OTHERS else {}
                environment = dict(os.environ) | path  # noqa: TID251 - what a child inherits
                rows.append(race(name, command, lane, environment=environment) | {"round": round_number + 1})
    table = Table("contestant", "round", "events/s", "CPU ms/event", "CPU share", "against plain Faust", "RSS MB")
    for row in rows:
        if "error" in row:
            table.add_row(str(row["name"]), str(row["round"]), str(row["error"]))
            continue
        plain = [one for one in rows if one["name"] == "faust_plain" and one["round"] == row["round"]]
        peer = float(plain[0].get("events_per_s", "nan")) if plain else float("nan")
        row["ratio"] = round(float(row["events_per_s"]) / peer, 2)
        cells = [row[key] for key in ("name", "round", "events_per_s", "cpu_ms_per_event", "cpu_share", "ratio")]
        table.add_row(*map(str, cells), f"{row['rss_first_mb']} -> {row['rss_half_mb']} -> {row['rss_last_mb']}")
    Console().print(table)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    kind = f"{'-transactions' if arguments.transactions else ''}{'-' + arguments.only if arguments.only else ''}"
    (results / f"streams{kind}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
