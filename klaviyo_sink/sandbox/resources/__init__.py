"""Writes stored data as JSON:API resources, with every field that Klaviyo's schema requires. Knows no requests."""
