"""PaddleOCR-VL (Apache-2.0) on a vLLM server: the request, its output's notation, and the command that serves it."""
