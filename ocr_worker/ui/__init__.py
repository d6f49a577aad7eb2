"""The Gradio page to try photos on. Runs in an environment of its own (`make ui`)."""
