"""What several commands share: the terminal, HTTP serving, listening addresses."""
