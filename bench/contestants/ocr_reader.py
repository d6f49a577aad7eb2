"""
One reader for bench/ocr_readers.py: reads the photo of each path on stdin, and prints its CPU seconds and lines.

    python ocr_reader.py hangtag|rapidocr SETTINGS      (keyword arguments of the rapid engine, as JSON)
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil

Read = Callable[[bytes], list[str]]


# ruff: noqa: PLC0415 - a process imports its own reader only
def hangtag(settings: dict[str, str]) -> Read:
    """Return the whole reader of the installed version; an older one has its modules elsewhere."""
    from ocr_worker.config import OcrConfig
    from ocr_worker.reader import Reader

    try:
        from ocr_worker.engines.rapid.engine import RapidEngine
    except ModuleNotFoundError:
        from ocr_worker.rapid import RapidEngine
    loop = asyncio.new_event_loop()
    reader = Reader(RapidEngine(1, **settings), OcrConfig(slots=1))

    def read(photo: bytes) -> list[str]:
        return [line.text for line in getattr(loop.run_until_complete(reader.read(photo)), "texts", ())]

    return read


def rapidocr() -> Read:
    """Return RapidOCR alone, with its own defaults, on one thread."""
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    one_thread = {f"EngineConfig.onnxruntime.{part}_op_num_threads": 1 for part in ("intra", "inter")}
    ocr = RapidOCR(params={"Global.log_level": "error"} | one_thread)

    def read(photo: bytes) -> list[str]:
        image = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        return list(ocr(image).txts or ()) if image is not None else []

    return read


read = rapidocr() if sys.argv[1] == "rapidocr" else hangtag(json.loads(sys.argv[2]))
for path in sys.stdin:
    photo = Path(path.rstrip("\n")).read_bytes()
    began = time.process_time()
    lines = read(photo)
    used = time.process_time() - began
    print(json.dumps({"cpu_s": used, "lines": lines, "mb": psutil.Process().memory_info().rss / 1e6}), flush=True)
