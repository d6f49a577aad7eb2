"""Style profiles, the written ledger and the erasure ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "style_profiles",
        sa.Column("shopper_id", sa.String(255), primary_key=True),
        sa.Column("row_version", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("written_version", sa.Integer, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
    )
    op.create_table(
        "written_events",
        sa.Column("unique_id", sa.String(64), primary_key=True),
        sa.Column("shopper_id", sa.String(255), nullable=False, index=True),
        sa.Column("upload_id", sa.String(128), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    op.create_table(
        "forgotten_shoppers",
        sa.Column("shopper_digest", sa.String(64), primary_key=True),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("forgotten_shoppers")
    op.drop_table("written_events")
    op.drop_table("style_profiles")
