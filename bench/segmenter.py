"""
Whether a segmenter of Chinese (jieba) finds word boundaries better than our matcher: F1 and time, on this machine.

Ours covers the text with the words of the lexicon that explain most of it. The other way takes a Chinese word only
where jieba begins and ends one, with jieba's dictionary alone, or with the lexicon's words added to it. Prints a table
and writes bench/results/segmenter.json. jieba is no dependency of ours: `pip install --target /tmp/jieba jieba`,
then run with `PYTHONPATH=/tmp/jieba`.
"""

import argparse
import importlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# This folder goes: in it, `rules` would be rules.py.
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

from rules.evidence.vocabulary import terms  # noqa: E402 - found once this folder is off the path
from rules.lexicon.load import Lexicon, load_lexicon  # noqa: E402 - same
from rules.quality.evaluate import evaluate  # noqa: E402 - same
from rules.quality.labelled import Labelled, lines_of, read_labelled  # noqa: E402 - same
from rules.tagger import Tagger  # noqa: E402 - same
from rules.text.match import GIVING, Matcher, Span  # noqa: E402 - same
from rules.text.normalize import is_cjk, normalize  # noqa: E402 - same

_HAN, _KANA_OR_HANGUL = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff\uac00-\ud7af]")
Cut = Callable[[str], Iterator[str]]
DATA = HERE.parent / "tests" / "data" / "rules"


class Segmented(Matcher):
    """Our matcher, which gives up Chinese words that cut through a word of a segmenter."""

    def __init__(self, lexicon: Lexicon, cut: Cut) -> None:
        super().__init__(terms(lexicon))
        self._cut = cut

    def spans(self, text: str, seams: Sequence[int] = ()) -> list[Span]:
        """Find words as ours does, then leave out those whose edges are none of the segmenter's."""
        edges = frozenset(accumulate(map(len, self._cut(text)), initial=0))

        def whole(start: int, stop: int) -> bool:
            begins = start in edges or not is_cjk(text[start])
            return begins and (stop in edges or not is_cjk(text[stop - 1]))

        found = super().spans(text, seams)
        return [(start, stop, term) for start, stop, term in found if term.kind not in GIVING or whole(start, stop)]


def main() -> None:
    """Measure each way on the same Chinese lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="Labelled files. Default: those of the tests.")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    try:
        jieba = importlib.import_module("jieba")
    except ImportError:
        parser.error("jieba is not installed; --help says how to let it take part")
    jieba.setLogLevel("ERROR")
    lexicon = load_lexicon()
    paths = arguments.files or [DATA / "labelled.jsonl", DATA / "held_out.jsonl"]
    chinese = [one for path in paths for one in read_labelled(path) if _is_chinese(one.text)]
    results = {"ours": _measured(Tagger(lexicon), chinese, arguments.rounds)}
    results["jieba"] = _measured(_with(lexicon, jieba.cut), chinese, arguments.rounds)
    for term in terms(lexicon):
        if is_cjk(term.text[0]):
            jieba.add_word(term.text)
    results["jieba, lexicon added"] = _measured(_with(lexicon, jieba.cut), chinese, arguments.rounds)
    texts = [normalize(one.text).text for one in chinese]
    table = Table("", "precision", "recall", "F1", "ms a line")
    for name, result in results.items():
        table.add_row(name, *(str(result[key]) for key in ("precision", "recall", "f1", "ms")))
    console = Console()
    console.print(table)
    cutting = _fastest(lambda: [list(jieba.cut(text)) for text in texts], arguments.rounds) / len(texts)
    console.print(f"{len(chinese)} Chinese texts; to cut one with jieba takes {cutting:.3f} ms")
    (HERE / "results").mkdir(exist_ok=True)
    written = json.dumps(results | {"cut_ms": round(cutting, 4)}, indent=2)
    (HERE / "results" / "segmenter.json").write_text(written + "\n", encoding="utf-8")


def _is_chinese(text: str) -> bool:
    """Return whether a text has Chinese letters, and none of Japanese or Korean."""
    return _HAN.search(text) is not None and _KANA_OR_HANGUL.search(text) is None


def _with(lexicon: Lexicon, cut: Cut) -> Tagger:
    tagger = Tagger(lexicon)
    tagger._vocabulary.matcher = Segmented(lexicon, cut)  # noqa: SLF001 - the part that is compared
    return tagger


def _measured(tagger: Tagger, labelled: Sequence[Labelled], rounds: int) -> dict[str, Any]:
    total = evaluate(tagger, labelled).total
    lines = [lines_of(one.text) for one in labelled]
    took = _fastest(lambda: [tagger.tag(each) for each in lines], rounds)
    figures = {"precision": total.precision, "recall": total.recall, "f1": total.f1, "ms": took / len(lines)}
    return {name: round(figure, 4) for name, figure in figures.items()}


def _fastest(work: Callable[[], object], rounds: int) -> float:
    """Time the fastest round in milliseconds of CPU time."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return min(times)


if __name__ == "__main__":
    main()
