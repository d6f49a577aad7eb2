"""HunyuanOCR on a vLLM server: the request, the notations of its output, and the command that serves the model."""
