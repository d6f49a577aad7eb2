"""Normalization, layout and matching of recognized text. Pure; knows no lexicon."""
