"""Metrics, logs and traces. Knows no stage."""
