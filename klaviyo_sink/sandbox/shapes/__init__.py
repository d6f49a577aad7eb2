"""The shapes of what Klaviyo takes, closed. Knows no HTTP and shares no model with the sink, on purpose."""
