"""The embedded broker, the faults it produces on request, and its process."""
