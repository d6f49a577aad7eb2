"""Configuration of the sink."""

import re
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from klaviyo_sink.api.oauth import TokenFile
from klaviyo_sink.profile.interests import NO_INTERESTS, Interests
from klaviyo_sink.profile.naming import DEFAULT_NAMES, PropertyNames
from klaviyo_sink.profile.recency import DEFAULT_RECENCY, Recency
from klaviyo_sink.profile.wording import Wording
from schemas.spans import NO_SPANS, Spans


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """
    Configuration of the sink.

    Raises:
        ValueError: The key contains characters that a header cannot have, or Klaviyo rejects the metric's name.

    """

    url: str
    #: Private API key with the scopes events:write, profiles:write, lists:write and, to follow import jobs,
    #: profiles:read and lists:read. Without a key or tokens `sync` returns Misconfigured.
    key: SecretStr | None
    revision: str = "2026-07-15"
    #: 1 to 127 characters.
    metric: str = "Outfit Tagged"
    timeout_s: float = 30
    #: SQLAlchemy URL of the style profiles, the ledgers and the request budget: one database per Klaviyo account.
    #: It may contain a password.
    state_url: str = "sqlite:///.hangtag/state.db"
    #: Older uploads are written as backfill: a rewind or a long outage must not send texts.
    stale_after: timedelta = timedelta(days=1)
    names: PropertyNames = DEFAULT_NAMES
    #: How tags fade with time, and which interests follow from several uploads.
    recency: Recency = DEFAULT_RECENCY
    interests: Interests = NO_INTERESTS
    #: OAuth tokens, used instead of the key.
    tokens: TokenFile | None = None
    #: Creates a span for each request, in the traces of the uploads it contains.
    spans: Spans = NO_SPANS

    def __post_init__(self) -> None:
        if self.key is not None and not re.fullmatch(r"[!-~]+", self.key.get_secret_value()):
            raise ValueError("the Klaviyo key must be printable ASCII without spaces")
        if not 1 <= len(self.metric) <= 127:  # noqa: PLR2004 - Klaviyo's own limit, openapi 2026-07-15
            raise ValueError("the metric's name must have 1 to 127 characters")

    @property
    def wording(self) -> Wording:
        """How a style profile is written as Klaviyo properties."""
        return Wording(self.names, self.recency, self.interests)

    def __repr__(self) -> str:
        """Omit everything that contains a secret."""
        return f"SinkConfig(url={self.url!r}, revision={self.revision!r}, metric={self.metric!r})"
