"""What engines behind a vLLM server share: its HTTP client, answers, scores, and the proof that it mixes no photos."""
