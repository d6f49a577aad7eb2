"""Accepts uploads over HTTP, and reports the status of each upload."""
