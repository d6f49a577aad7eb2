"""The index of uploads, how far it was read, who claims what, and what gateways publish under idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PEOPLE = (
    ("uploads", "upload_id"),
    ("uploads", "shopper_id"),
    ("uploads", "facts"),
    ("claims", "digest"),
    ("claims", "shopper_id"),
    ("keyed_uploads", "upload_id"),
    ("keyed_uploads", "shopper_id"),
    ("keyed_uploads", "sha256"),
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.String(128), primary_key=True),
        sa.Column("shopper_id", sa.String(255), primary_key=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("ended", sa.String(16)),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Index("ix_uploads_of_shopper", "shopper_id", "seen_at"),
    )
    op.create_table(
        "index_positions",
        sa.Column("topic", sa.String(255), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cluster", sa.String(64), nullable=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("shopper_id", sa.String(255), primary_key=True, index=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    op.create_table(
        "keyed_uploads",
        sa.Column("upload_id", sa.String(128), primary_key=True),
        sa.Column("shopper_id", sa.String(255), nullable=False, index=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("published", sa.Integer, nullable=False),
    )
    # As migration 0005 does, keep samples of shoppers out of PostgreSQL's planner statistics.
    for table, column in _PEOPLE if op.get_bind().dialect.name == "postgresql" else ():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("keyed_uploads")
    op.drop_table("claims")
    op.drop_table("index_positions")
    op.drop_table("uploads")
