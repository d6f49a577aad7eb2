"""Photo bytes to pixels: formats, safe decoding, contrast and sharpness. Knows no engine."""
