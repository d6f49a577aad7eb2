"""PaddleOCR-VL behind a vLLM server (Apache-2.0): the request, the answer's form and how to serve the model."""
