"""The vocabulary: the shipped TOML files beside this one, a shop's own files, and how both become one Lexicon."""
