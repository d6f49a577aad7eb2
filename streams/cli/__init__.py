"""The `hangtag` command, one file per command group."""
