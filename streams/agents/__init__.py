"""One file per consumed topic: what happens to one event."""
