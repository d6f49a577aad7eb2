"""Sets up and queries a Klaviyo account: campaigns, flows, the canary, erasure."""
