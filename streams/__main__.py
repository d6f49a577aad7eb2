"""`python -m streams` is `hangtag`. Processes start each other this way, from the same installation."""

from streams.cli.main import main

main()
