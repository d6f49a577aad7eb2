"""The requests that the sync processes of an account have spent of Klaviyo's rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "spent_requests",
        sa.Column("operation", sa.String(128), primary_key=True),
        sa.Column("spent", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("spent_requests")
