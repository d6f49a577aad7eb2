"""What Hangtag sets up and asks of a Klaviyo account: campaigns, flows, the canary, erasure."""
