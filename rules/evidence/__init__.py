"""Decides what a text proves: words with their cues, negations, compositions and sizes. Pure."""
