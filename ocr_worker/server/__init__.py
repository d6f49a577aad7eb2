"""The OCR worker's HTTP server: admission, requests, warm-up, metrics."""
