"""`hangtag rules`: one file per task."""
