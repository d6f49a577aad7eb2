"""Klaviyo over HTTP: the client, its errors, OAuth tokens and login. Knows no style profile."""
