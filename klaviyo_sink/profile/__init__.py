"""The style profile as pure functions: folding tags, writing properties, naming."""
