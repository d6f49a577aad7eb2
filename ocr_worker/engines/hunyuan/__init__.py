"""HunyuanOCR behind a vLLM server: the request, the answer's forms and how to serve the model."""
