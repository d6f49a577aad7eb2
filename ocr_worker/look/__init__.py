"""Finds what a photo shows, using a closed list of values. Knows no text and no lexicon."""
