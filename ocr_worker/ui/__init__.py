"""The Gradio page to try photos. Runs in its own environment (`make ui`)."""
