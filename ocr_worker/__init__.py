"""Recognizes text in photos: OCR engines behind one protocol, an HTTP server, and a client pool. Knows no Kafka."""
