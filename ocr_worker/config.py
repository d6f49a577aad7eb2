"""The configuration of an OCR worker. Does not read the environment."""

import os
from dataclasses import dataclass, field

from pydantic import SecretStr

from ocr_worker.images.decode import Limits


@dataclass(frozen=True, slots=True)
class OcrConfig:
    """`slots` photos are read at the same time, `queue` more may wait. With `token` None every request is accepted."""

    slots: int = 1
    queue: int = 64
    limits: Limits = field(default_factory=Limits)
    token: SecretStr | None = None
    #: Most photos decoded at the same time, however many slots there are.
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: Seconds that sending one photo may take.
    upload_s: float = 30.0
    #: Seconds that a thread may work on one photo. Then the server ends its process, which must be restarted.
    photo_limit_s: float = 120.0
    #: Seconds after which a slot counts as stuck. If all slots are stuck, readiness fails.
    stuck_s: float = 10.0
