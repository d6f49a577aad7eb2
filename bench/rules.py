"""
How fast tagging is, beside a plain regex alternation and flashtext, in one run on this machine.

Prints a table and writes bench/results/rules.json. A photo here has 40 lines: 14 that say something of
clothes (from tests/data/rules) and 26 other lines of labels and screenshots; `dense` photos have
nothing but the former. flashtext takes part when Python can import it; it is no dependency of ours:
`pip install --target /tmp/flashtext flashtext==2.7`, then run with `PYTHONPATH=/tmp/flashtext`.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# This folder goes: in it, `rules` would be this file.
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

from rules.evidence.vocabulary import terms  # noqa: E402 - same
from rules.lexicon.entries import Entry  # noqa: E402 - found once this folder is off the path
from rules.lexicon.load import Lexicon, load_lexicon  # noqa: E402 - same
from rules.quality.labelled import lines_of, read_labelled  # noqa: E402 - same
from rules.tagger import Tagger  # noqa: E402 - same
from rules.text.match import Matcher  # noqa: E402 - same
from rules.text.normalize import normalize  # noqa: E402 - same
from schemas.events import TextLine  # noqa: E402 - same

#: Other texts of labels and screenshots, between bars.
_OTHER = (
    "¥299.00|6 901234 567892|客服 9:00|2026-03-14|www.example.com|Art. 4412-07|RN 77388|中国 上海|CA 41220|12:45|"
    "浙江省杭州市余杭区文一西路969号|5G 87%|已售 3200+|收藏|分享|购物车|消息|首页|我的|加入购物车|立即购买|"
    "商品详情|推荐|店铺|全部评价(1024)|问大家|发货 杭州|明天送达|衣长 62|胸围 98|肩宽 44|袖长 58|Lot 20260314|"
    "No. 000172|QC PASS 07|EAN-13|见包装|生产日期见合格证|@my_daily_looks|#ootd|Posted 2 hours ago|132 likes|"
    "View all 17 comments|Reply|Follow|Est. 1998|Size & Fit|Delivery"
)
_START = """
import json, time
start = time.perf_counter()
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger
tagger = Tagger(load_lexicon())
ready = time.perf_counter() - start
import psutil
print(json.dumps({"start_s": round(ready, 3), "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1)}))
"""
Photo = list[TextLine]
Work = Callable[[Any], Any]


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9, help="Each photo's time is the best of so many.")
    arguments = parser.parse_args()
    lexicon = load_lexicon()
    large = _ten_times(lexicon)
    words = list(terms(lexicon))
    typical, dense = (_photos(arguments.photos, telling) for telling in (14, 40))
    texts = [normalize("\n".join(line.text for line in photo)).text for photo in typical]
    finders: dict[str, Work] = {
        "find words: ours": Matcher(words).find,
        "find words: ours, lexicon x10": Matcher(terms(large)).find,
        "find words: regex alternation": _alternation([term.text for term in words]),
    }
    flashtext = _flashtext([term.text for term in words])
    if flashtext is not None:
        finders["find words: flashtext"] = flashtext
    times = _race(
        {"tag a photo": Tagger(lexicon).tag, "tag a photo, lexicon x10": Tagger(large).tag}, typical, arguments.rounds
    )
    times |= _race({"tag a dense photo": Tagger(lexicon).tag}, dense, arguments.rounds)
    times |= _race(finders, texts, arguments.rounds)
    results = {name: {"p50_ms": _percentile(each, 50), "p99_ms": _percentile(each, 99)} for name, each in times.items()}
    for name, find in finders.items():
        results[name]["against_ours"] = round(results[name]["p50_ms"] / results["find words: ours"]["p50_ms"], 2)
        results[name]["found_a_photo"] = round(sum(len(find(text)) for text in texts) / len(texts), 1)
    start = min((_start() for _ in range(3)), key=lambda one: one["start_s"])
    table = Table("", "p50 ms", "p99 ms", "against ours", "words found a photo")
    for name, result in results.items():
        cells = [str(result.get(key, "")) for key in ("p50_ms", "p99_ms", "against_ours", "found_a_photo")]
        table.add_row(name, *cells)
    console = Console()
    console.print(table)
    flat = results["tag a photo, lexicon x10"]["p50_ms"] / results["tag a photo"]["p50_ms"]
    console.print(f"{len(lexicon.entries)} entries, {len(words)} words; ten times the lexicon costs {flat:.2f} x")
    console.print(f"start {start['start_s']} s (imports, lexicon, automaton), {start['rss_mb']} MB resident")
    if flashtext is None:
        console.print("flashtext is not installed; see --help for how to let it take part")
    (HERE / "results").mkdir(exist_ok=True)
    everything = {**results, "start": start, "lexicon_x10": round(flat, 3)}
    (HERE / "results" / "rules.json").write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


def _photos(number: int, telling: int) -> list[Photo]:
    """Make photos of 40 lines, so many of which say something of clothes."""
    chance = random.Random(20260314)
    data = HERE.parent / "tests" / "data" / "rules"
    labelled = [one for name in ("labelled", "held_out") for one in read_labelled(data / f"{name}.jsonl")]
    lines = [line for one in labelled for line in one.text.splitlines()]
    photos = []
    for _ in range(number):
        chosen = chance.sample(lines, telling) + chance.choices(_OTHER.split("|"), k=40 - telling)
        chance.shuffle(chosen)
        photos.append(lines_of("\n".join(chosen), 0.95))
    return photos


def _ten_times(lexicon: Lexicon) -> Lexicon:
    """Add nine entries for each one, with words of the same lengths that no text contains."""
    chance = random.Random(1)
    entries: dict[str, Entry] = dict(lexicon.entries)
    for entry in lexicon.entries.values():
        for copy in range(9):
            value = f"{entry.value}-{copy}"
            words = tuple("".join(chance.choices("aeioubcdfglmnprst", k=max(5, len(word)))) for word in entry.words)
            update = {"id": f"{entry.category}/{value}", "words": words, "implies": (), "traps": ()}
            made = entry.model_copy(update=update | {"beside_percent": (), "misread": (), "pure": False})
            entries[made.id] = made
    return replace(lexicon, entries=MappingProxyType(entries))


def _race(contestants: dict[str, Work], inputs: Sequence[Any], rounds: int) -> dict[str, list[float]]:
    """
    Time every contestant on every input, in milliseconds, by turns.

    Counts the best of the rounds: others share the machine, and theirs is not what is measured.
    """
    best = {name: [float("inf")] * len(inputs) for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            for at, one in enumerate(inputs):
                start = time.perf_counter()
                work(one)
                best[name][at] = min(best[name][at], (time.perf_counter() - start) * 1000)
    return best


def _alternation(words: Sequence[str]) -> Work:
    choices = "|".join(map(re.escape, sorted(set(words), key=len, reverse=True)))
    pattern = re.compile(choices)
    return pattern.findall


def _flashtext(words: Sequence[str]) -> Work | None:
    try:
        from flashtext import KeywordProcessor  # noqa: PLC0415 - takes part only where it is installed
    except ImportError:
        return None
    processor = KeywordProcessor()
    processor.add_keywords_from_list(list(words))
    found: Work = processor.extract_keywords
    return found


def _percentile(times: Sequence[float], percent: int) -> float:
    return round(sorted(times)[min(len(times) - 1, len(times) * percent // 100)], 4)


def _start() -> dict[str, float]:
    """Start a process of its own and ask it how long it took and what it holds."""
    command = [sys.executable, "-P", "-c", _START]
    found: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent).stdout
    )
    return found


if __name__ == "__main__":
    main()
