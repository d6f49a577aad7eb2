"""Finds fashion tags in recognized text, by a vocabulary that merchandisers edit. Knows no photos and no profiles."""
