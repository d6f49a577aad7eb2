"""The sink's database tables. Migrations create them (`migrations/versions`); a test compares the two."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, String, Table, Text

metadata: Final = MetaData()

#: One row per shopper: the folded style profile, without e-mail addresses and recognized text.
style_profiles: Final = Table(
    "style_profiles",
    metadata,
    Column("shopper_id", String(255), primary_key=True),
    # Counts the stores of this row. A writer that read an older value must read again.
    Column("row_version", Integer, nullable=False),
    # Counts the changes of the Klaviyo properties: `outfit_version`.
    Column("version", Integer, nullable=False),
    # The greatest version that Klaviyo has accepted.
    Column("written_version", Integer, nullable=False),
    # StyleProfile or Summary as JSON (`memory.py`).
    Column("profile", Text, nullable=False),
    # The Klaviyo properties as JSON, at `version`.
    Column("said", Text, nullable=False, server_default=""),
    # The duty to mend the profile (`settling.py`). 0: Klaviyo has `written_version`. Positive: the ticket of the newest
    # write in progress. Negative: a write failed or was overlapped, and the next write must send the profile itself.
    Column("dirty", Integer, nullable=False, server_default="0"),
)

#: The remembered uploads of each shopper whose `profile` is a summary.
remembered_uploads: Final = Table(
    "remembered_uploads",
    metadata,
    Column("shopper_id", String(255), primary_key=True),
    Column("upload_id", String(128), primary_key=True),
    # In microseconds since 1970: whole numbers have one order in every database.
    Column("uploaded_at", BigInteger, nullable=False),
    # Contribution as JSON: an element of the list that `profile` is otherwise.
    Column("contribution", Text, nullable=False),
    Index("ix_remembered_uploads_by_age", "shopper_id", "uploaded_at"),
    sqlite_with_rowid=False,
)

#: The written ledger: events that Klaviyo has accepted. Entered after the write, never before.
written_events: Final = Table(
    "written_events",
    metadata,
    Column("unique_id", String(64), primary_key=True),
    Column("shopper_id", String(255), nullable=False, index=True),
    Column("upload_id", String(128), nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False, index=True),
)

#: The erasure ledger: shoppers whose events are dropped. Only a digest of the id is kept.
forgotten_shoppers: Final = Table(
    "forgotten_shoppers",
    metadata,
    Column("shopper_digest", String(64), primary_key=True),
    Column("forgotten_at", DateTime(timezone=True), nullable=False),
)

#: The request budget that all sync processes of the account share.
spent_requests: Final = Table(
    "spent_requests",
    metadata,
    Column("operation", String(128), primary_key=True),
    # limits.Spent as JSON.
    Column("spent", Text, nullable=False),
)

#: The index of uploads: the status of each, and the places of its messages. One projector writes it, from the topics.
uploads: Final = Table(
    "uploads",
    metadata,
    Column("upload_id", String(128), primary_key=True),
    # Part of the key, because an event of somebody else may name the same upload.
    Column("shopper_id", String(255), primary_key=True),
    # Broker times of its first and its newest message.
    Column("seen_at", DateTime(timezone=True), nullable=False, index=True),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("step", String(16), nullable=False),
    # How the upload ended; NULL while it is in progress.
    Column("ended", String(16)),
    # Status and places as JSON (`streams/index/entry.py`). No text, no identity.
    Column("facts", Text, nullable=False),
    Index("ix_uploads_of_shopper", "shopper_id", "seen_at"),
)

#: How far the projector has read: stored with the rows, in one transaction.
index_positions: Final = Table(
    "index_positions",
    metadata,
    Column("topic", String(255), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    # The Kafka cluster whose offsets these are.
    Column("cluster", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)

#: The shoppers who claim a name or a photo. A claim proves nothing: `hangtag forget` keeps what others claim too.
claims: Final = Table(
    "claims",
    metadata,
    # Digest of the name or of the photo's address (`streams/index/claims.py`).
    Column("digest", String(64), primary_key=True),
    Column("shopper_id", String(255), primary_key=True, index=True),
    # Broker time of the newest event that claims it.
    Column("seen_at", DateTime(timezone=True), nullable=False, index=True),
)

#: Uploads that a gateway publishes under an idempotency key. The row is there before the upload is published.
keyed_uploads: Final = Table(
    "keyed_uploads",
    metadata,
    Column("upload_id", String(128), primary_key=True),
    Column("shopper_id", String(255), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    # When the newest try to publish it began.
    Column("tried_at", DateTime(timezone=True), nullable=False, index=True),
    # 1 once the broker has it.
    Column("published", Integer, nullable=False),
)
