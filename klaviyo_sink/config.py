"""Configuration of the sink."""

import re
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from klaviyo_sink.api.oauth import TokenFile
from klaviyo_sink.profile.naming import DEFAULT_NAMES, PropertyNames
from klaviyo_sink.profile.recency import DEFAULT_RECENCY, Recency
from klaviyo_sink.profile.wording import InterestsOf, Wording, no_interests
from schemas.spans import NO_SPANS, Spans


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """
    Configuration of the sink.

    Raises:
        ValueError: the key cannot stand in a header, or the metric's name is one that Klaviyo refuses.

    """

    url: str
    #: Private API key with the scopes events:write, profiles:write, lists:write and, to follow import jobs,
    #: profiles:read and lists:read; without a key or tokens `sync` answers Misconfigured.
    key: SecretStr | None
    revision: str = "2026-07-15"
    #: 1 to 127 characters.
    metric: str = "Outfit Tagged"
    timeout_s: float = 30
    #: SQLAlchemy URL of the style profiles, the ledgers and the request budget: one database for one Klaviyo account.
    #: It may hold a password.
    state_url: str = "sqlite:///.hangtag/state.db"
    #: Uploads older than this are written as backfill: a rewind or a long outage must not text anyone.
    stale_after: timedelta = timedelta(days=1)
    names: PropertyNames = DEFAULT_NAMES
    #: What fades with time, and what several uploads together mean.
    recency: Recency = DEFAULT_RECENCY
    interests_of: InterestsOf = no_interests
    #: OAuth tokens, used instead of the key.
    tokens: TokenFile | None = None
    #: Watches over each request on behalf of the uploads it carries.
    spans: Spans = NO_SPANS

    def __post_init__(self) -> None:
        if self.key is not None and not re.fullmatch(r"[!-~]+", self.key.get_secret_value()):
            raise ValueError("the Klaviyo key must be printable ASCII without spaces")
        if not 1 <= len(self.metric) <= 127:  # noqa: PLR2004 - Klaviyo's own limit, openapi 2026-07-15
            raise ValueError("the metric's name must have 1 to 127 characters")

    @property
    def wording(self) -> Wording:
        """Which Klaviyo properties a style profile becomes."""
        return Wording(self.names, self.recency, self.interests_of)

    def __repr__(self) -> str:
        """Leave out whatever holds a secret."""
        return f"SinkConfig(url={self.url!r}, revision={self.revision!r}, metric={self.metric!r})"
