"""The index of uploads: what the topics say of each, in the state database."""
