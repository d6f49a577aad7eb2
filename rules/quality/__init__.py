"""Checks and measures a lexicon: conflicts, accuracy on labelled lines, differences between two versions."""
