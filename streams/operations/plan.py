"""
Computes the capacity that a number of uploads per day needs. Pure arithmetic on measured figures.

Each figure is from docs/performance.md or docs/scaling.md, on two shared cores. What was not measured is a parameter.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

_DAY_S: Final = 86_400
#: Events per second of one process.
_RECOGNIZE, _TAG, _SYNC = 240, 1_270, 1_426
#: Requests per minute to Klaviyo: full jobs of 1,000 events, and single events.
_JOBS, _JOB, _SINGLE = 138, 1_000, 3_500
#: Bytes of an upload's events in all topics (short texts), and of its row in the ledger of a PostgreSQL database.
_EVENT_BYTES, _ROW_BYTES = 1_540, 361
_KEPT_DAYS: Final = 7
#: Partitions of a topic that `hangtag topics apply` creates.
_DESIGNED: Final = 12


@dataclass(frozen=True, slots=True)
class Load:
    """The load to plan for."""

    uploads_per_day: float
    #: Seconds per photo: of one core, or in a full batch of one GPU's 32 slots.
    seconds_per_photo: float
    #: Load of the busiest hour, as a multiple of the average.
    peak: float = 3
    #: Photos in flight of one recognize process (HANGTAG_IN_FLIGHT).
    in_flight: int = 64
    photo_bytes: int = 150_000
    replication: int = 3
    gpu: bool = False
    #: Days for which the ledger of events written keeps an upload (HANGTAG_LEDGER_RETENTION_DAYS).
    ledger_days: int = 36

    @property
    def per_s(self) -> float:
        """Uploads per second, on average."""
        return self.uploads_per_day / _DAY_S

    @property
    def peak_per_s(self) -> float:
        """Uploads per second, in the busiest hour."""
        return self.per_s * self.peak


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the worksheet."""

    what: str
    need: str
    why: str


def plan(load: Load) -> list[Line]:
    """Return the worksheet."""
    peak, photos = load.peak_per_s, load.peak_per_s * load.seconds_per_photo
    processes, partitions = recognize_fits(load)
    busiest = ceil(partitions / processes)
    held = photos * busiest / partitions
    jobs = peak * 60 / _JOB
    return [
        Line("uploads", f"{load.per_s:.1f}/s", f"{peak:.1f}/s in the busiest hour, {load.peak:g} times the average"),
        Line(
            "partitions of outfit.uploads",
            str(partitions),
            "as `hangtag topics apply` makes them"
            if partitions == _DESIGNED
            else f"kafka-topics --alter --topic outfit.uploads --partitions {partitions}, before the first upload",
        ),
        _ocr(load),
        Line(
            "recognize",
            _processes(processes),
            f"{held:.0f} of {load.in_flight} photos in flight where {busiest} of {partitions} partitions lie",
        ),
        Line("tag", _processes(max(2, ceil(peak / _TAG))), f"{_TAG}/s each; two, so that one may fail"),
        Line(
            "sync",
            _processes(max(2, ceil(peak / _SYNC))),
            f"{_SYNC}/s each, with PostgreSQL; two, so that one may fail",
        ),
        Line("gateway", _processes(2), "if uploads come over HTTP; two, so that one may fail"),
        Line(
            "Kafka's disk",
            _size(load.uploads_per_day * _KEPT_DAYS * _EVENT_BYTES * load.replication),
            f"{_KEPT_DAYS} days x {_EVENT_BYTES} bytes per upload x {load.replication} replicas; long texts need more",
        ),
        Line(
            "photos",
            _size(load.uploads_per_day * _KEPT_DAYS * load.photo_bytes),
            f"{_KEPT_DAYS} days x {load.photo_bytes / 1000:g} kB",
        ),
        Line(
            "database",
            _size(load.uploads_per_day * load.ledger_days * _ROW_BYTES),
            f"{load.ledger_days} days x {_ROW_BYTES} bytes of ledger per upload (PostgreSQL)",
        ),
        Line(
            "Klaviyo",
            f"{jobs / _JOBS:.1%} of an account's bulk limit",
            f"{jobs:.1f} full jobs per minute in the busiest hour, of {_JOBS}"
            + (f"; single events would fit, too ({_SINGLE}/min)" if peak * 60 <= _SINGLE else ""),
        ),
    ]


def recognize_fits(load: Load) -> tuple[int, int]:
    """
    Return the number of recognize processes and the number of partitions.

    A process reads whole partitions: of 12 partitions, some of 8 processes have 2, which is more than an eighth of the
    load. So the process with the most partitions must manage, and partitions are added by twelves until one does.
    """
    processes = max(
        1, ceil(load.peak_per_s * load.seconds_per_photo / load.in_flight), ceil(load.peak_per_s / _RECOGNIZE)
    )
    partitions = _DESIGNED
    while partitions < processes or not _does(load, ceil(partitions / processes) / partitions):
        partitions += _DESIGNED
        # From here on, add a process instead of still more partitions, because that is cheaper.
        if partitions > 8 * max(processes, _DESIGNED):
            processes, partitions = processes + 1, _DESIGNED
    return processes, partitions


def _does(load: Load, share: float) -> bool:
    """Return whether one recognize process manages this share of the load."""
    return load.peak_per_s * load.seconds_per_photo * share <= load.in_flight and load.peak_per_s * share <= _RECOGNIZE


def _ocr(load: Load) -> Line:
    busy = load.peak_per_s * load.seconds_per_photo
    if load.gpu:
        slots = 32
        why = f"{slots / load.seconds_per_photo:.0f} photos/s each ({slots} slots), and one spare"
        return Line("OCR", f"{ceil(busy / slots) + 1} GPUs", why)
    night = ceil(load.per_s * load.seconds_per_photo)
    return Line("OCR", f"{ceil(busy)} cores", f"{night} if uploads may wait for the night")


def _processes(count: int) -> str:
    return f"{count} process{'' if count == 1 else 'es'}"


def _size(count: float) -> str:
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:  # noqa: PLR2004 - the next unit
            return f"{count:.3g} {unit}"
    return f"{count / 1000:.3g} TB"
