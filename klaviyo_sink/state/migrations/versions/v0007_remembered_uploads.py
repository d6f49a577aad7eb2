"""
The remembered uploads of shoppers with many, one row each.

An existing row of `style_profiles` stays as it is. It is split when the shopper's next upload arrives, so the migration
takes no longer with more shoppers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "remembered_uploads",
        sa.Column("shopper_id", sa.String(255), primary_key=True),
        sa.Column("upload_id", sa.String(128), primary_key=True),
        sa.Column("uploaded_at", sa.BigInteger, nullable=False),
        sa.Column("contribution", sa.Text, nullable=False),
        sa.Index("ix_remembered_uploads_by_age", "shopper_id", "uploaded_at"),
        sqlite_with_rowid=False,
    )
    # As migration 0005 does, keep samples of shoppers out of PostgreSQL's planner statistics.
    if op.get_bind().dialect.name == "postgresql":
        for column in ("shopper_id", "upload_id", "contribution"):
            op.execute(f"ALTER TABLE remembered_uploads ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    """Put the uploads back into the rows of `style_profiles`, and drop the table."""
    joined = "string_agg" if op.get_bind().dialect.name == "postgresql" else "group_concat"
    op.execute(
        f"""
        UPDATE style_profiles SET profile = (
            SELECT '[' || {joined}(one.contribution, ',') || ']' FROM (
                SELECT contribution FROM remembered_uploads
                WHERE remembered_uploads.shopper_id = style_profiles.shopper_id
                ORDER BY uploaded_at, upload_id
            ) AS one
        ) WHERE profile LIKE '{{"summary":%'
        """  # noqa: S608 - one of two constants
    )
    op.drop_table("remembered_uploads")
