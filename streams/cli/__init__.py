"""The `hangtag` command, one file per group of subcommands."""
