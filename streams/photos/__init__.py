"""The photo store, its retention, and a bucket's own rules and events."""
