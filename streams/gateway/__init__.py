"""Uploads over HTTP, and where each upload is."""
