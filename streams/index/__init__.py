"""The index of uploads in the state database: each upload's status, and where its messages are in the topics."""
