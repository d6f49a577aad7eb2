"""
Reads single lines with Tesseract, a program of the machine, in languages whose data is installed.

Has the form of RapidOCR's TextRecognizer, so that it is one of the further recognizers. Knows no photo.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import structlog

log = structlog.get_logger()

#: Seconds for one line. Reading takes a tenth of a second.
TIMEOUT_S: Final = 10.0
#: All that the process gets of the environment: no secrets. Its threads would compete with the worker's for the cores.
_ENVIRONMENT: Final = {"OMP_THREAD_LIMIT": "1"}
#: Tesseract's page segmentation mode for one line of text.
_ONE_LINE: Final = "7"
#: In Tesseract's TSV: the columns of a row's level, of its confidence (0..100) and of its text; and the level of words.
_LEVEL, _CONFIDENCE, _TEXT, _WORD = 0, 10, 11, "5"


@dataclass(frozen=True, slots=True)
class Recognized:
    """Text and score of each line, as RapidOCR names them."""

    txts: tuple[str, ...]
    scores: tuple[float, ...]


class Tesseract:
    """Reads lines in the given languages (`rus+ukr`). Thread-safe: each line is a process of its own."""

    def __init__(self, languages: str, *, program: str = "tesseract", timeout_s: float = TIMEOUT_S) -> None:
        """
        Check the languages once.

        Raises:
            ValueError: Tesseract is not installed, does not run, or has no data for one of the languages.

        """
        path = shutil.which(program)
        if path is None:
            raise ValueError(f"{program} is not installed: install tesseract-ocr and its data (tesseract-ocr-rus, ...)")
        listed = _run([path, "--list-langs"], b"", TIMEOUT_S)
        if listed is None:
            raise ValueError(f"{path} does not run: try `{program} --list-langs`")
        known = set(listed.split("\n")[1:])
        if lacking := sorted(set(languages.split("+")) - known):
            raise ValueError(f"tesseract has no data for {', '.join(lacking)}: install tesseract-ocr-{lacking[0]}")
        self._command = [path, "stdin", "stdout", "-l", languages, "--psm", _ONE_LINE, "tsv"]
        self._timeout_s = timeout_s

    def __call__(self, question: Any) -> Recognized:
        """Read each picture of `question.img`, BGR with one line; empty with a score of 0 where Tesseract fails."""
        read = [self._read(cv2.imencode(".png", crop)[1].tobytes()) for crop in question.img]
        return Recognized(tuple(text for text, _ in read), tuple(score for _, score in read))

    def _read(self, png: bytes) -> tuple[str, float]:
        return words_in(_run(self._command, png, self._timeout_s) or "")


def _run(command: Sequence[str], png: bytes, timeout_s: float) -> str | None:
    """Return what Tesseract prints; None if it fails, is too slow or cannot start."""
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours, the picture comes on stdin
            command, input=png, capture_output=True, check=False, timeout=timeout_s, env=_ENVIRONMENT
        )
    except (OSError, subprocess.SubprocessError) as error:
        # The line stays unread, as without Tesseract. The error's own text may quote what Tesseract printed.
        log.warning("tesseract did not run, the line stays unread", error=type(error).__name__)
        return None
    if done.returncode:
        log.warning("tesseract failed, the line stays unread", code=done.returncode)
        return None
    return done.stdout.decode(errors="replace")


def words_in(tsv: str) -> tuple[str, float]:
    """Return the words of Tesseract's TSV, joined by spaces, and their average confidence as a score in 0..1."""
    rows = [row for line in tsv.splitlines() if len(row := line.split("\t")) > _TEXT]
    words = [row for row in rows if row[_LEVEL] == _WORD and row[_TEXT].strip()]
    letters = sum(len(row[_TEXT]) for row in words)
    if not letters:
        return "", 0.0
    score = sum(float(row[_CONFIDENCE]) * len(row[_TEXT]) for row in words) / letters / 100
    return " ".join(row[_TEXT].strip() for row in words), max(0.0, min(score, 1.0))
