"""The state database: style profiles, the ledger of written events, the erasure ledger, migrations."""
