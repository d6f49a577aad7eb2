"""The way into and out of every operation: keys, limits, faults on order, errors. Knows no profiles or flows."""
