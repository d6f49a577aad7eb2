"""The canary's metrics, which no stage tells of. Knows nothing of how one is sent."""

from prometheus_client import Counter, Gauge

SEEN = Gauge(
    "hangtag_canary_seen_timestamp_seconds", "When a canary last showed in Klaviyo, since the epoch; 0 for never."
)
SECONDS = Gauge("hangtag_canary_seconds", "From sending the last canary that showed to seeing it.")
CANARIES = Counter("hangtag_canaries", "Canaries sent, by outcome (seen, missing).", ["outcome"])
for _outcome in ("seen", "missing"):
    CANARIES.labels(_outcome)
