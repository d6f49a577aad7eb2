"""Whether a profile at Klaviyo must be corrected, stored in the row so that any process can do it. 0: no."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("style_profiles", sa.Column("dirty", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("style_profiles", "dirty")
