"""The checks of `hangtag doctor`, one file per subject."""
