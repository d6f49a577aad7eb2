"""The Klaviyo properties of a style profile. Empty until the shopper's next upload, which then counts as a change."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("style_profiles", sa.Column("said", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("style_profiles", "said")
