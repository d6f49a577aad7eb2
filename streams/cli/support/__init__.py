"""Code that several commands share: the terminal, HTTP serving, listening addresses."""
