"""The duty to mend a profile at Klaviyo, kept with the row so that any process can fulfil it. 0: nothing to mend."""

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
    """Drop it."""
    op.drop_column("style_profiles", "dirty")
