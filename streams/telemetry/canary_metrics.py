"""The metrics of the Klaviyo canary. Does not know how it is sent."""

from prometheus_client import Counter, Gauge

SEEN = Gauge(
    "hangtag_canary_seen_timestamp_seconds", "When a canary was last seen in Klaviyo, since the epoch; 0 for never."
)
SECONDS = Gauge("hangtag_canary_seconds", "Seconds from sending the last canary that arrived until it was seen.")
CANARIES = Counter("hangtag_canaries", "Canaries sent, by outcome (seen, missing).", ["outcome"])
for _outcome in ("seen", "missing"):
    CANARIES.labels(_outcome)
