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
OCR_SENT = Counter(
    "hangtag_ocr_sent",
    "Photos sent to an OCR worker, by worker and outcome (read, refused, or why there was neither).",
    ["worker", "outcome"],
)
OCR_SECONDS = Histogram(
    "hangtag_ocr_seconds",
    "From sending a photo to an OCR worker to its answer.",
    ["worker"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32),
)
#: Gauges by worker, asked for when metrics are read (`pool_metrics.py`).
OCR_WORKER_IN_FLIGHT = ("hangtag_ocr_worker_in_flight", "Photos under way at an OCR worker.")
OCR_WORKER_STATE = ("hangtag_ocr_worker_state", "1 for the state an OCR worker is in (ready, returning, out).")
