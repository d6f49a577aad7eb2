"""The vocabulary: the included TOML files, a shop's own files, and the code that merges both into one Lexicon."""
