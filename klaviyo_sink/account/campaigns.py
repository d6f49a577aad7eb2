"""Campaigns: which shoppers get which text, from a shop's TOML file. Does not call Klaviyo."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.events import TagId
from schemas.input_files import parse_toml, read_small

#: Most bytes of a campaigns file.
_LARGEST: Final = 1_000_000
#: The included example, which `hangtag klaviyo setup` uses without a file.
EXAMPLE: Final = """\
[[campaign]]
name = "Cotton T-shirts"
tags = ["category/t-shirt", "material/cotton"]   # an upload must have them all
no_order_days = 7          # and its shopper no order in so many days
not_texted_days = 7        # nor a text
reentry_days = 7           # and not have entered this flow
language = "zh"

[campaign.message]
zh = "Hi，看到你喜欢纯棉舒适款！夏日新款纯棉T恤限时8折"
en = "Hi, we saw you like soft pure cotton! 20 % off our new summer cotton T-shirts, for a short time only"
"""


class CampaignsError(ValueError):
    """The file cannot be used; the message says why in one line."""


class Campaign(BaseModel):
    """One text, and the shoppers who get it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    #: Tags that the upload must have, and interests (`interest/…`) that its shopper must have: all of them.
    tags: Annotated[tuple[TagId, ...], Field(min_length=1)]
    no_order_days: Annotated[int, Field(ge=1, le=365)] = 7
    not_texted_days: Annotated[int, Field(ge=1, le=365)] = 7
    reentry_days: Annotated[int, Field(ge=1, le=365)] = 7
    #: The shop's metric for orders. If several integrations have a metric of that name, the integration ("Shopify").
    order_metric: str = "Placed Order"
    order_integration: str | None = None
    language: Literal["zh", "en"] = "zh"
    message: dict[Literal["zh", "en"], Annotated[str, StringConstraints(min_length=1, max_length=1000)]]

    @property
    def body(self) -> str:
        """The text in the campaign's language if there is one, else in another."""
        return self.message.get(self.language) or next(iter(self.message.values()))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    campaign: Annotated[tuple[Campaign, ...], Field(min_length=1)]


def read_campaigns(path: Path | None) -> tuple[Campaign, ...]:
    """
    Read a campaigns file, or the example.

    Raises:
        CampaignsError: The file does not exist, is not TOML, or has no valid campaigns.

    """
    try:
        text = EXAMPLE if path is None else read_small(path, most_bytes=_LARGEST).decode()
        found = _File.model_validate(parse_toml(text)).campaign
    except ValidationError as error:
        first = error.errors()[0]
        raise CampaignsError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        # An OSError's own text contains the path; the others do not.
        why = error.strerror if isinstance(error, OSError) else error
        raise CampaignsError(f"{path}: {why}") from None
    names = [campaign.name for campaign in found]
    if len(set(names)) < len(names):
        raise CampaignsError(f"{path}: two campaigns have the same name")
    return found
