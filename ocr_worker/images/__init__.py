"""Decodes photo bytes to pixels: formats, safe decoding, contrast, sharpness. Knows no engine."""
