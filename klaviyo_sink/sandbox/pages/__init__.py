"""Pages for people, without any script, in English and Chinese; and the same as JSON for tests."""
