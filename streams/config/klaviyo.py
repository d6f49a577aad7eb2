"""The settings of Klaviyo, the profiles there, and the state database."""

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from schemas.topics import WEEK
from streams.config.addresses import Address

#: For how long an event may be delivered again. `retag` may publish it until a week after it was read. A week later it
#: may become a dead letter, which is kept for two weeks. A replay then puts it on a topic for another week.
_REDELIVERED_FOR: Final[timedelta] = 5 * WEEK


class KlaviyoSettings(BaseSettings):
    """A part of `Settings`."""

    klaviyo_url: Address = Field("https://a.klaviyo.com", description="Klaviyo's API, or the sandbox.")
    klaviyo_key: SecretStr | None = Field(None, description="Private API key; its scopes are in docs/klaviyo.md.")
    klaviyo_erasure_key: SecretStr | None = Field(
        None, description="Key of `hangtag forget`, with the scopes data-privacy:write and profiles:read."
    )
    klaviyo_tokens_file: Path | None = Field(
        None, description="OAuth tokens, used instead of the key; `hangtag klaviyo login` writes it, private (0600)."
    )
    klaviyo_client_id: str | None = Field(None, description="The OAuth app's client id.")
    klaviyo_client_secret: SecretStr | None = Field(None, description="The OAuth app's client secret.")
    klaviyo_revision: str = Field("2026-07-15", description="API revision sent with every request.")
    klaviyo_metric: str = Field("Outfit Tagged", description="Klaviyo metric of the events that Hangtag sends.")
    klaviyo_timeout_s: float = Field(30, gt=0, description="Time limit for one Klaviyo request, in seconds.")
    klaviyo_property_prefix: str = Field("outfit_", description="Prefix of the profile properties' names.")
    klaviyo_aliases: dict[str, str] = Field(
        {}, description='More names for profile properties, as JSON: {"preferred_materials": "materials"}.'
    )
    klaviyo_categories: tuple[str, ...] = Field(
        (), description="More tag categories that get a list in the profile, as JSON, for campaigns that use them."
    )
    klaviyo_labels: Literal["ids", "en", "zh"] = Field(
        "ids", description="Values in the profile's lists: tag ids, or English or Chinese labels."
    )
    klaviyo_seen: Literal["off", "separate", "merged"] = Field(
        "separate",
        description="Tags that only a picture shows: `off` sends none, `separate` sends them in lists of their own"
        " (`seen_…`), `merged` with the other tags.",
    )
    profile_half_life_days: float = Field(
        180,
        ge=0,
        le=36500,
        description="Half-life of an upload's weight in the profile, in days; 0 keeps the full weight for ever.",
    )
    klaviyo_dry_run: bool = Field(
        False, description="The sync stage prints the requests it would send; it sends and stores nothing."
    )
    state_url: SecretStr = Field(
        SecretStr("sqlite:///.hangtag/state.db"),
        description="State database (SQLAlchemy URL). Percent-encode a password in it.",
    )
    ledger_retention_days: int = Field(
        _REDELIVERED_FOR.days + 1,
        ge=8,
        description="Days that the ledger remembers which events Klaviyo has, so that none is sent twice. Keep it above"
        " the retention of your topics.",
    )
