"""The checks of `hangtag doctor`, one file per thing it looks at."""
