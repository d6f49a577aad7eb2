"""What a Klaviyo account remembers, in memory. Knows no HTTP."""
