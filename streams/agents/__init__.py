"""The handlers: one file per consumed topic, one function per event."""
