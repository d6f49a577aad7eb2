"""The client side: chooses an OCR worker for each photo and turns HTTP answers into outcomes."""
