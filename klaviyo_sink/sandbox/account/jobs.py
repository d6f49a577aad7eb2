"""Jobs that are answered first and worked on later."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

#: Klaviyo forgets an import job after a week.
KEPT: Final = timedelta(days=7)
End = Literal["complete", "cancelled", "expired", "stuck"]


@dataclass(slots=True)
class ImportJob:
    """A job and how it goes. The rows are there at once; the status runs through its course as it is asked for."""

    id: str
    rows: int
    created: datetime
    list_ids: tuple[str, ...] = ()
    profile_ids: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    end: End = "complete"
    looks: int = 0

    def look(self) -> str:
        """Tell how far it is, one step further each time; a stuck one never ends."""
        self.looks += 1
        return self.status

    @property
    def status(self) -> str:
        """Tell how far it is."""
        if self.looks == 0:
            return "queued"
        return "processing" if self.looks == 1 or self.end == "stuck" else self.end

    @property
    def expires(self) -> datetime:
        """When it is forgotten."""
        return self.created + KEPT


@dataclass(frozen=True, slots=True)
class SuppressionJob:
    """A job that suppressed profiles, or ended that; done at once."""

    id: str
    kind: Literal["create", "delete"]
    created: datetime
    total: int
    skipped: int
