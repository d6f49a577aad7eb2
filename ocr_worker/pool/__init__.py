"""The client of the OCR workers: chooses a worker for each photo and maps HTTP responses to outcomes."""
