"""Finds the metric of an account that a campaign means, because several integrations may use one name. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

#: The integration of events from the API, such as ours.
OWN_INTEGRATION: Final = "API"


class AmbiguousMetricError(ValueError):
    """Several metrics match; the message lists them."""


@dataclass(frozen=True, slots=True)
class KnownMetric:
    """A metric of the account."""

    id: str
    name: str
    integration: str

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Parse a row of `GET /api/metrics`."""
        attributes = row["attributes"]
        integration = attributes.get("integration")
        named = integration.get("name") if isinstance(integration, Mapping) else None
        return cls(str(row["id"]), str(attributes.get("name") or ""), str(named or "none"))

    def __str__(self) -> str:
        """Show the parts that distinguish it from others of its name."""
        return f"{self.name!r} of {self.integration} ({self.id})"


def choose_metric(metrics: Iterable[KnownMetric], name: str, integration: str | None) -> KnownMetric | None:
    """
    Return the account's metric of this name; None if it has none.

    Raises:
        AmbiguousMetricError: Several metrics have the name, or none of them belongs to the integration.

    """
    named = [one for one in metrics if one.name == name]
    meant = [one for one in named if integration is None or one.integration.casefold() == integration.casefold()]
    if len(meant) == 1:
        return meant[0]
    if not named:
        return None
    found = ", ".join(map(str, named))
    if meant:
        raise AmbiguousMetricError(
            f"the account has {len(meant)} metrics for orders called {name!r}: {found}. Set the integration of the"
            " right one in the campaign, as order_integration"
        )
    raise AmbiguousMetricError(f"no metric {name!r} belongs to the integration {integration!r}; there is {found}")
