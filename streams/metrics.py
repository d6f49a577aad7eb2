"""Every metric of the stages, with its kind and meaning. Knows nothing of where it is counted."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("hangtag_events", "Events finished, by stage and outcome (done, dead_letter).", ["stage", "outcome"])
RETRIES = Counter("hangtag_retries", "Tries put off, by stage and reason.", ["stage", "reason"])
DEAD_LETTERS = Counter("hangtag_dead_letters", "Dead letters, by stage and reason.", ["stage", "reason"])
PENDING = Gauge("hangtag_pending_events", "Events taken from Kafka and not finished.", ["stage"])
WORKING = Gauge("hangtag_events_in_flight", "Events being worked on.", ["stage"])
SECONDS = Histogram(
    "hangtag_upload_to_profile_seconds",
    "From the shopper's upload to the profile written.",
    buckets=(0.5, 1, 2, 3, 5, 8, 13, 30, 60, 300, 1800),
)
