"""
Stops PostgreSQL's planner statistics (`pg_statistic`), which are samples of column values, for ids and profiles.

Samples would outlive the rows of a forgotten shopper. Queries use single keys of these columns and need no samples.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("style_profiles", "shopper_id", "VARCHAR(255)"),
    ("style_profiles", "profile", "TEXT"),
    ("style_profiles", "said", "TEXT"),
    ("written_events", "unique_id", "VARCHAR(64)"),
    ("written_events", "shopper_id", "VARCHAR(255)"),
    ("written_events", "upload_id", "VARCHAR(128)"),
)


def upgrade() -> None:
    """Turn the samples off, and drop existing ones: setting a column's type does that, even to the same type."""
    for table, column, kind in _COLUMNS if _on_postgresql() else ():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}")


def downgrade() -> None:
    """Turn the samples on again."""
    for table, column, _ in _COLUMNS if _on_postgresql() else ():
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
