"""The nouns of Hangtag: events, topics, outcomes and the one codec. Imports nothing else of ours."""
