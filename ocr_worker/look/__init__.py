"""Look at the picture itself: what a photo shows, by a closed list. Knows no text and no lexicon."""
