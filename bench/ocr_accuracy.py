"""
How well the sample photos are read: RapidOCR as it comes against the worker, by the tags that must (not) come of it.

    python -P bench/ocr_accuracy.py
"""

import asyncio
import json
import tomllib
from pathlib import Path

import cv2
import numpy as np
from rapidocr import RapidOCR

from ocr_worker.config import OcrConfig
from ocr_worker.engines.rapid.engine import RapidEngine
from ocr_worker.reader import Reader
from ocr_worker.result import Reading
from rules.lexicon.load import load_lexicon
from rules.tagger import Tagger
from schemas.events import TextLine

SAMPLES = Path(__file__).parents[1] / "samples"


async def accuracy() -> dict[str, object]:
    """Tags that the sample photos must and must not give: RapidOCR as it comes, and the worker."""
    tagger = Tagger(load_lexicon(None))
    plain = RapidOCR(params={"Global.log_level": "error"})
    engine = RapidEngine(2)
    reader = Reader(engine, OcrConfig(slots=1))

    def bare_lines(data: bytes) -> list[TextLine]:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        found = plain(image) if image is not None else None
        if found is None or found.txts is None:
            return []
        boxes = [(*map(int, box.min(axis=0)), *map(int, box.max(axis=0))) for box in np.asarray(found.boxes)]
        return [
            TextLine(text=text, bbox=box, score=min(float(score), 1.0))
            for text, box, score in zip(found.txts, boxes, found.scores, strict=True)
        ]

    counts = {"bare": [0, 0], "worker": [0, 0]}
    must, verdicts, wrong = 0, 0, []
    samples = tomllib.loads((SAMPLES / "expected.toml").read_text("utf-8"))["photo"]
    for sample in samples:
        data = (SAMPLES / "photos" / sample["file"]).read_bytes()
        outcome = await reader.read(data)
        read = list(outcome.texts) if isinstance(outcome, Reading) else []
        must += len(sample["must"])
        for name, lines in (("bare", bare_lines(data)), ("worker", read)):
            tags = {tag.id for tag in tagger.tag(lines).tags}
            counts[name][0] += len(tags & set(sample["must"]))
            counts[name][1] += len(tags & set(sample["must_not"]))
            if name == "worker" and not set(sample["must"]) <= tags:
                wrong.append({"file": sample["file"], "missing": sorted(set(sample["must"]) - tags)})
        said = outcome.quality.verdict if isinstance(outcome, Reading) else getattr(outcome, "code", "?")
        verdicts += said == sample.get("code", "ok")
    await reader.aclose()
    await engine.aclose()
    return {
        "photos": len(samples),
        "tags_that_must_come": must,
        "found": {name: found for name, (found, _) in counts.items()},
        "forbidden": {name: forbidden for name, (_, forbidden) in counts.items()},
        "verdicts_right": verdicts,
        "worker_misses": wrong,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(accuracy()), ensure_ascii=False, indent=2))
