"""How far each consumer group is behind: reading offsets, judging them, exporting them."""
