"""`python -m streams` is `hangtag`: how one process starts another of the same installation."""

from streams.cli.main import main

main()
