"""The shapes of requests, closed. Knows no HTTP and shares no model with the sink, on purpose."""
