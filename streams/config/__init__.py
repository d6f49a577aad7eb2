"""Settings from the environment and from secret files."""
