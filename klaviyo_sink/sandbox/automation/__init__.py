"""Executes segments and flows on an account. Knows no HTTP."""
