"""What a text proves: words in their surroundings, negations, compositions and sizes. Pure."""
