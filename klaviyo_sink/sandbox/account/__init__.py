"""The data of a Klaviyo account, in memory. Knows no HTTP."""
