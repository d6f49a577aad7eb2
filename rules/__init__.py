"""Recognized text to fashion tags, by a vocabulary that merchandisers edit. Knows no photos, queues or profiles."""
