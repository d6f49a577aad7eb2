"""Measures how far each consumer group is behind: reads offsets, judges them, exports them."""
