"""Checks and measures a lexicon: clashes, accuracy on labelled lines, differences between two versions."""
