"""Jobs that are answered first and processed later."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

#: Klaviyo drops an import job after a week.
KEPT: Final = timedelta(days=7)
End = Literal["complete", "cancelled", "expired", "stuck"]


@dataclass(slots=True)
class ImportJob:
    """A job and its progress. The rows are processed at once; the status moves on with each request."""

    id: str
    rows: int
    created: datetime
    list_ids: tuple[str, ...] = ()
    profile_ids: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    end: End = "complete"
    looks: int = 0

    def look(self) -> str:
        """Return the status after one more step; a stuck job never ends."""
        self.looks += 1
        return self.status

    @property
    def status(self) -> str:
        """The current status."""
        if self.looks == 0:
            return "queued"
        return "processing" if self.looks == 1 or self.end == "stuck" else self.end

    @property
    def expires(self) -> datetime:
        """When the job is dropped."""
        return self.created + KEPT


@dataclass(frozen=True, slots=True)
class SuppressionJob:
    """A job that adds or removes suppressions; processed at once."""

    id: str
    kind: Literal["create", "delete"]
    created: datetime
    total: int
    skipped: int
