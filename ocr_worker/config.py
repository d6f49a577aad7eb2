"""The values an OCR worker runs on, handed in by whoever starts it. Knows no environment."""

import os
from dataclasses import dataclass, field

from pydantic import SecretStr

from ocr_worker.images.decode import Limits


@dataclass(frozen=True, slots=True)
class OcrConfig:
    """`slots` photos are read at the same time, `queue` more may wait; `token` None leaves the worker open."""

    slots: int = 1
    queue: int = 64
    limits: Limits = field(default_factory=Limits)
    token: SecretStr | None = None
    #: Photos decoded at the same time, however many slots there are.
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: Seconds a caller may take to send one photo.
    upload_s: float = 30.0
    #: Seconds that a thread may work on one photo before the server ends its process, to be started again.
    photo_limit_s: float = 120.0
    #: Seconds after which a slot whose thread has not come back counts as stuck, and readiness may say no.
    stuck_s: float = 10.0
