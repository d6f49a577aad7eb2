"""Writes what is stored as JSON:API resources, with every field that Klaviyo's schema requires. Knows no requests."""
