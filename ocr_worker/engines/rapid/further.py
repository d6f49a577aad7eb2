"""
Further PP-OCR recognizers, for lines in scripts that the first one does not know. Knows no photo.

A folder holds a model as `NAME.onnx`, and its dictionary as `NAME.txt` (one character a line) unless the model contains
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocr_worker.engines.rapid.quads import Quad
from ocr_worker.images.decode import Pixels

#: With a lower score, the line is not in the further recognizer's script either.
_SURE = 0.8


class FurtherRecognizers:
    """RapidOCR's TextRecognizers, one for each further model. Thread-safe."""

    def __init__(self, recognizers: Sequence[Any], question: type[Any]) -> None:
        """`question` is RapidOCR's class for the input of a recognizer."""
        self._recognizers, self._question = recognizers, question

    def better(self, line: Quad, crop: Pixels) -> Quad:
        """Return the reading with the highest score: the first one, or a further recognizer's of the line's `crop`."""
        best = line
        for recognizer in self._recognizers:
            said = recognizer(self._question(img=[crop], return_word_box=False))
            text, score = said.txts[0], float(said.scores[0])
            # Where the first recognizer skipped letters, its score is that of the others.
            beats = score > best.score or (best is line and not line.strange)
            if text.strip() and score >= _SURE and beats:
                best = replace(line, text=text, score=score, unread=0.0, strange=False, further=True)
        return best


def models_in(folder: Path) -> list[Mapping[str, str]]:
    """
    Return RapidOCR's parameters for each model of a folder, sorted by name.

    Raises:
        ValueError: The folder contains no model.

    """
    models = sorted(folder.glob("*.onnx"))
    if not models:
        raise ValueError(f"{folder} contains no model (*.onnx)")
    return [params_of(model) for model in models]


def params_of(model: Path) -> Mapping[str, str]:
    """Return RapidOCR's parameters for one recognizer, and for its dictionary if there is one beside it."""
    keys = model.with_suffix(".txt")
    return {"Rec.model_path": str(model)} | ({"Rec.rec_keys_path": str(keys)} if keys.exists() else {})
