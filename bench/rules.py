"""
How fast tagging is, beside a plain regex alternation and flashtext, in one run on this machine.

Prints a table and writes bench/results/rules.json. A photo here has 40 lines: 14 that say something of
clothes (from tests/data/rules) and 26 of what else stands on labels and screenshots; `dense` photos have
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

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# This folder goes: in it, `rules` would be this file.
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

from rules.entries import Entry  # noqa: E402 - found once this folder is gone
from rules.evaluate import lines_of, read_labelled  # noqa: E402 - same
from rules.lexicon import Lexicon, load_lexicon  # noqa: E402 - same
from rules.match import Matcher  # noqa: E402 - same
from rules.normalize import normalize  # noqa: E402 - same
from rules.tagger import Tagger  # noqa: E402 - same
from rules.vocabulary import terms  # noqa: E402 - same
from schemas.events import TextLine  # noqa: E402 - same

#: What else stands on labels and screenshots, between bars.
OTHER = (
    "¥299.00|6 901234 567892|客服 9:00|2026-03-14|www.example.com|Art. 4412-07|RN 77388|中国 上海|CA 41220|12:45|5G 87%|"
    "浙江省杭州市余杭区文一西路969号|已售 3200+|收藏|分享|购物车|消息|首页|我的|加入购物车|立即购买|商品详情|推荐|店铺|"
    "全部评价(1024)|问大家|发货 杭州|明天送达|衣长 62|胸围 98|肩宽 44|袖长 58|Lot 20260314|No. 000172|QC PASS 07|EAN-13|"
    "见包装|生产日期见合格证|@my_daily_looks|#ootd|Posted 2 hours ago|132 likes|View all 17 comments|Reply|Follow|"
    "Est. 1998|Size & Fit|Delivery"
).split("|")
_START = """
import json, time
start = time.perf_counter()
from rules.lexicon import load_lexicon
from rules.tagger import Tagger
tagger = Tagger(load_lexicon())
ready = time.perf_counter() - start
import psutil
print(json.dumps({"start_s": round(ready, 3), "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1)}))
"""
Photo = list[TextLine]


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5, help="Each photo's time is the best of so many.")
    arguments = parser.parse_args()
    lexicon = load_lexicon()
    tagger = Tagger(lexicon)
    typical, dense = (_photos(arguments.photos, telling) for telling in (14, 40))
    texts = [normalize("\n".join(line.text for line in photo)).text for photo in typical]
    words = list(terms(lexicon))
    large = _ten_times(lexicon)
    runs: dict[str, list[float]] = {
        "tag a photo": _times(tagger.tag, typical, arguments.rounds),
        "tag a dense photo": _times(tagger.tag, dense, arguments.rounds),
        "tag a photo, lexicon x10": _times(Tagger(large).tag, typical, arguments.rounds),
        "find words: ours": _times(Matcher(words).find, texts, arguments.rounds),
        "find words: ours, lexicon x10": _times(Matcher(terms(large)).find, texts, arguments.rounds),
        "find words: regex alternation": _times(_alternation([term.text for term in words]), texts, 1),
    }
    flashtext = _flashtext([term.text for term in words])
    if flashtext is not None:
        runs["find words: flashtext"] = _times(flashtext, texts, arguments.rounds)
    results = {
        name: {"p50_ms": _percentile(times, 50), "p99_ms": _percentile(times, 99)} for name, times in runs.items()
    }
    starts = [_start() for _ in range(3)]
    best_start = min(starts, key=lambda one: one["start_s"])
    ours = results["find words: ours"]["p50_ms"]
    table = Table("", "p50 ms", "p99 ms", "against ours")
    for name, result in results.items():
        ratio = f"{result['p50_ms'] / ours:.1f} x" if name.startswith("find") else ""
        table.add_row(name, f"{result['p50_ms']:.3f}", f"{result['p99_ms']:.3f}", ratio)
    console = Console()
    console.print(table)
    flat = results["tag a photo, lexicon x10"]["p50_ms"] / results["tag a photo"]["p50_ms"]
    console.print(f"{len(lexicon.entries)} entries, {len(words)} words; ten times the lexicon costs {flat:.2f} x")
    console.print(f"start {best_start['start_s']} s (imports, lexicon, automaton), {best_start['rss_mb']} MB resident")
    if flashtext is None:
        console.print("flashtext is not installed; see --help for how to let it take part")
    everything = results | {"start": best_start, "lexicon_x10": round(flat, 3)}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "rules.json").write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


def _photos(number: int, telling: int) -> list[Photo]:
    """Make photos of 40 lines, so many of which say something of clothes."""
    chance = random.Random(20260314)
    data = HERE.parent / "tests" / "data" / "rules"
    labelled = [one for name in ("labelled", "held_out") for one in read_labelled(data / f"{name}.jsonl")]
    lines = [line for one in labelled for line in one.text.splitlines()]
    photos = []
    for _ in range(number):
        chosen = chance.sample(lines, telling) + chance.choices(OTHER, k=40 - telling)
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


def _times(work: Callable[[object], object], inputs: Sequence[object], rounds: int) -> list[float]:
    """Time work on every input, in milliseconds: the best of some rounds, since others share the machine."""
    for one in inputs[:20]:
        work(one)
    best = [float("inf")] * len(inputs)
    for _ in range(rounds):
        for at, one in enumerate(inputs):
            start = time.perf_counter()
            work(one)
            best[at] = min(best[at], (time.perf_counter() - start) * 1000)
    return best


def _alternation(words: Sequence[str]) -> Callable[[object], object]:
    choices = "|".join(map(re.escape, sorted(set(words), key=len, reverse=True)))
    pattern = re.compile(choices)
    return lambda text: pattern.findall(str(text))


def _flashtext(words: Sequence[str]) -> Callable[[object], object] | None:
    try:
        from flashtext import KeywordProcessor  # noqa: PLC0415 - takes part only where it is installed
    except ImportError:
        return None
    processor = KeywordProcessor()
    processor.add_keywords_from_list(list(words))
    return lambda text: processor.extract_keywords(str(text))


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
