"""What engines on a vLLM server share: HTTP client, output, scores, and the check that the server mixes no photos."""
