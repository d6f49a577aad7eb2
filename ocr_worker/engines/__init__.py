"""OCR engines behind one protocol, one folder per engine."""
