"""Acts out segments and flows on an account. Knows no HTTP."""
