"""Which metric of an account a campaign means: a name alone does not say, several integrations may use it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

#: The integration of events that come through the API, as ours do.
OWN_INTEGRATION: Final = "API"


class AmbiguousMetricError(ValueError):
    """Several metrics answer to the name; the message lists them."""


@dataclass(frozen=True, slots=True)
class KnownMetric:
    """A metric of the account."""

    id: str
    name: str
    integration: str

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of `GET /api/metrics`."""
        attributes = row["attributes"]
        integration = attributes.get("integration")
        named = integration.get("name") if isinstance(integration, Mapping) else None
        return cls(str(row["id"]), str(attributes.get("name") or ""), str(named or "none"))

    def __str__(self) -> str:
        """Show what tells it from others of its name."""
        return f"{self.name!r} of {self.integration} ({self.id})"


def choose_metric(metrics: Iterable[KnownMetric], name: str, integration: str | None) -> KnownMetric | None:
    """
    Choose the one metric that is meant; None when the account has none of that name.

    Raises:
        AmbiguousMetricError: several have the name, or none of them is of the integration.

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
            f"the account has {len(meant)} metrics for orders called {name!r}: {found}. Name the integration of the"
            " right one in the campaign, as order_integration"
        )
    raise AmbiguousMetricError(f"no metric {name!r} is of the integration {integration!r}; there is {found}")
