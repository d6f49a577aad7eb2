"""Code around every operation: keys, limits, injected faults, errors. Knows no profiles or flows."""
