"""
What several OCR readers cost and read on your own photos, in turn. Prints a table.

    python -P bench/ocr_readers.py FOLDER [--rounds 5] [--truth FILE] [--only auto,rapidocr] [--other PYTHON]

Each reader is a process with one thread, which reads one photo at a time; in every round the readers take turns at each
photo. A ratio is the median over photos and rounds of a reader's CPU by that of the first reader at the same photo; the
first is `auto`, or what `--only` names first. `--other` is
the interpreter of an environment with another version of Hangtag. `--truth` is a JSON object of the lines that each
file contains; without it, readers are compared with what the first reads. Writes bench/results/ocr_readers.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
CHILD = HERE / "contestants" / "ocr_reader.py"
#: Our reader's settings by contestant. `rapidocr` is RapidOCR without Hangtag, with its own defaults.
OURS: Mapping[str, Mapping[str, str]] = {
    "auto": {},
    "small": {"detector": "small"},
    "tiny": {"detector": "tiny"},
    "fast": {"recognizer": "tiny"},
    "fastest": {"detector": "tiny", "recognizer": "tiny"},
}


@dataclass(slots=True)
class Contestant:
    """A reader's process, its CPU seconds for each photo and round, and the lines that it read."""

    name: str
    process: subprocess.Popen[str]
    cpu_s: dict[str, list[float]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    mb: float = 0.0

    def read(self, photo: Path) -> None:
        """Read a photo, and remember the cost."""
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101, PT018 - both are pipes
        print(photo, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        self.cpu_s.setdefault(photo.name, []).append(answer["cpu_s"])
        self.lines[photo.name], self.mb = answer["lines"], answer["mb"]


def started(name: str, python: str = sys.executable) -> Contestant:
    """Start a reader; its first photo comes later, and is not counted."""
    settings = json.dumps(OURS.get(name, {}))
    kind = "rapidocr" if name == "rapidocr" else "hangtag"
    process = subprocess.Popen(
        [python, "-P", str(CHILD), kind, settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # noqa: TID251 - a child's environment
    )
    return Contestant(name, process)


def exact(truth: Sequence[str], read: Sequence[str]) -> int:
    """Return how many of the true lines were read exactly, spaces included."""
    return (Counter(truth) & Counter(read)).total()


def recalled(truth: Sequence[str], read: Sequence[str]) -> int:
    """Return how many characters of the true lines were read, in their order within the line most like them."""
    return sum(
        max(
            (
                sum(one.size for one in SequenceMatcher(None, line, other, False).get_matching_blocks())
                for other in read
            ),
            default=0,
        )
        for line in truth
    )


def results(contestants: Sequence[Contestant], truth: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Sum up all rounds, by contestant."""
    first = contestants[0]
    rows = []
    for one in contestants:
        ratios = [
            mine / base
            for photo, all_mine in one.cpu_s.items()
            for mine, base in zip(all_mine, first.cpu_s[photo], strict=True)
        ]
        lines = sum(map(len, truth.values())) or 1
        letters = sum(len(line) for each in truth.values() for line in each) or 1
        rows.append(
            {
                "name": one.name,
                "cpu_s": round(statistics.fmean(statistics.median(each) for each in one.cpu_s.values()), 3),
                "ratio": round(statistics.median(ratios), 3),
                "of_sums": round(sum(map(sum, one.cpu_s.values())) / sum(map(sum, first.cpu_s.values())), 3),
                "lines": round(sum(exact(true, one.lines[photo]) for photo, true in truth.items()) / lines, 3),
                "characters": round(
                    sum(recalled(true, one.lines[photo]) for photo, true in truth.items()) / letters, 3
                ),
                "mb": round(one.mb),
            }
        )
    return rows


def main() -> None:
    """Race and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--only", help="contestants, separated by commas; the first is 1")
    parser.add_argument("--other", help="Python of an environment with another version")
    given = parser.parse_args()
    photos = sorted(path for path in given.folder.iterdir() if path.is_file())
    names = given.only.split(",") if given.only else [*OURS, "rapidocr"]
    if unknown := set(names) - {*OURS, "rapidocr"}:
        parser.error(f"unknown readers: {', '.join(sorted(unknown))}")
    contestants = [started(name) for name in names] + ([started("other", given.other)] if given.other else [])
    for one in contestants:
        one.read(photos[0])
        one.cpu_s.clear()
    for number in range(given.rounds):
        for photo in photos:
            for one in contestants if number % 2 else reversed(contestants):
                one.read(photo)
        print(f"round {number + 1} of {given.rounds}", file=sys.stderr, flush=True)
    for one in contestants:
        one.process.kill()
    truth = json.loads(given.truth.read_text("utf-8")) if given.truth else contestants[0].lines
    rows = results(contestants, truth)
    table = Table(
        "reader",
        "CPU s",
        "CPU ratio, median",
        "of sums",
        "lines exact",
        "characters",
        "MB",
        title=f"{len(photos)} photos",
    )
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=100).print(table)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "ocr_readers.json").write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
