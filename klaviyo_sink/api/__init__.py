"""Klaviyo's HTTP API: the client, its errors, OAuth tokens and login. Knows no style profile."""
