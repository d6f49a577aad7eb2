"""The embedded broker, the faults it injects, and its process."""
