"""What the bucket itself does: its deletion rule, its events, its versions of one photo."""
